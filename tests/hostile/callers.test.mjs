// Callers that are broken or hostile, by HTTP through the real web servers: every case named, every
// answer JSON with the contract's headers, nothing served that lies beside the page, no request delayed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNoCanary, assertNothingLeaked, code, otherToken, token } from '../lib/canaries.mjs';
import { assertContract, hasSanitizers, memory, pause, push, show, sockets, talk, tick, timed, until } from '../lib/hostile.mjs';
import { nextAddress } from '../lib/http.mjs';
import { startApache, startNginx, startProgram, writeEnv } from '../lib/servers.mjs';
import { connect, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const success = `{"access_token":"${otherToken}"}`;
const planted = 'planted0secret0file';
const login = JSON.stringify({ code, redirect_uri: 'https://login.example.com/auth/callback' });
const filled = (size) => { const start = `{"code":"${code}`; return `${start}${'x'.repeat(size - start.length - 22)}","redirect_uri":"r"}`.padEnd(size); };

// The bytes of a request: a start line, header lines, a body.
const raw = (line, headers = [], body = '') => Buffer.concat([
  Buffer.from([line, 'Host: localhost', 'Connection: close', ...headers].join('\r\n') + '\r\n\r\n', 'latin1'), Buffer.from(body)]);
const bearer = `Authorization: Bearer ${token}`;
const jsonType = 'Content-Type: application/json';
const post = (body, headers) => raw('POST /access-token HTTP/1.1', [jsonType, ...(headers ?? [`Content-Length: ${Buffer.byteLength(body)}`])], body);
const get = (target, headers = [bearer]) => raw(`GET ${target} HTTP/1.1`, headers);
const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

// [name, bytes, statuses, {asked: how often Threads is, end: half-close, silent: no answer will do, file: or
// the file itself}]
const bodies = [
  ['of 0 bytes', post(''), 422],
  ['of 1 byte', post('{'), 422],
  ['of 16 KiB', post(filled(16384)), 200, { asked: 1 }],
  ['of 16 KiB and a byte', post(filled(16385)), 413],
  ['of 64 KiB', post(filled(65_536)), 413],
  ['of 10 MB', post(' '.repeat(10_000_000)), 413],
  // (Apache waits for the body until its Timeout.)
  ['that is never sent', post('', ['Content-Length: 10000000']), 413, { silent: true, ms: 3_000 }],
  ['shorter than its Content-Length', post(login, [`Content-Length: ${login.length + 50}`]), [400, 408], { end: true, silent: true }],
  ['longer than its Content-Length', post(login, ['Content-Length: 5']), 422],
  // nginx may take the end of what is sent for a caller who has gone, and say nothing.
  ['without Content-Length', post(login, []), [411, 422], { end: true, silent: true }],
  ['with an empty Content-Length', post(login, ['Content-Length: ']), [400, 422], { end: true }],
  ['with Content-Length: -1', post(login, ['Content-Length: -1']), [400, 413]],
  ['with Content-Length: 99999999999999999999', post(login, ['Content-Length: 99999999999999999999']), [400, 413]],
  ['with Content-Length: 18446744073709551616', post(login, ['Content-Length: 18446744073709551616']), [400, 413]],
  ['with Content-Length: +5', post(login, ['Content-Length: +5']), 400],
  ['with Content-Length: 0x10', post(login, ['Content-Length: 0x10']), 400],
  ['with Content-Length: five', post(login, ['Content-Length: five']), 400],
  ['with two Content-Lengths', post(login, ['Content-Length: 5', `Content-Length: ${login.length}`]), 400],
  ['with a list of Content-Lengths', post(login, [`Content-Length: 5, ${login.length}`]), 400],
  ['in chunks', post(chunk(login.slice(0, 7)) + chunk(login.slice(7)) + '0\r\n\r\n', ['Transfer-Encoding: chunked']), 200, { asked: 1 }],
  ['in chunks of one byte', post([...login].map(chunk).join('') + '0\r\n\r\n', ['Transfer-Encoding: chunked']), 200, { asked: 1 }],
  ['in chunks, over 16 KiB', post(chunk(filled(16385)) + '0\r\n\r\n', ['Transfer-Encoding: chunked']), 413],
  ['in endless chunks', post(chunk('x'.repeat(4000)).repeat(500), ['Transfer-Encoding: chunked']), 413],
  ['in chunks that end early', post(chunk(login) + 'ff\r\n', ['Transfer-Encoding: chunked']), [400, 408], { end: true, silent: true }],
  ['in chunks of a bad size', post('zz\r\n{}\r\n0\r\n\r\n', ['Transfer-Encoding: chunked']), 400],
  ['in chunks of a negative size', post('-5\r\n{}\r\n0\r\n\r\n', ['Transfer-Encoding: chunked']), 400],
  ['in chunks of a size beyond 64 bits', post('fffffffffffffffff\r\n{}\r\n0\r\n\r\n', ['Transfer-Encoding: chunked']), [400, 413]],
  ['in chunks and with a Content-Length', post(chunk(login) + '0\r\n\r\n', ['Transfer-Encoding: chunked', 'Content-Length: 5']), [200, 400], { asked: 'maybe' }],
  ['with an unknown transfer encoding', post(login, ['Transfer-Encoding: gzip']), [400, 501]],
  ['with two transfer encodings', post(login, ['Transfer-Encoding: chunked, identity']), [400, 501]],
  ['with a transfer encoding in disguise', post(chunk(login) + '0\r\n\r\n', ['Transfer-Encoding : chunked']), 400],
  ['with Expect: 100-continue', post(login, ['Expect: 100-continue', `Content-Length: ${login.length}`]), 200, { asked: 1 }],
  ['with an unknown expectation', post(login, ['Expect: the-unexpected', `Content-Length: ${login.length}`]), [200, 417], { asked: 'maybe' }],
  ['that is gzipped', post(login, ['Content-Encoding: gzip', `Content-Length: ${login.length}`]), [200, 415], { asked: 'maybe' }],

  ['with invalid UTF-8', post(Buffer.from('{"code":"\xff","redirect_uri":"r"}', 'latin1')), 400],
  ['with an overlong NUL', post(Buffer.from('{"code":"\xc0\x80","redirect_uri":"r"}', 'latin1')), 400],
  ['with a surrogate in UTF-8', post(Buffer.from('{"code":"\xed\xa0\x80","redirect_uri":"r"}', 'latin1')), 400],
  ['with a code point beyond U+10FFFF', post(Buffer.from('{"code":"\xf4\x90\x80\x80","redirect_uri":"r"}', 'latin1')), 400],
  ['in UTF-16', post(Buffer.from(login, 'utf16le')), [400, 422]],
  ['with a byte order mark', post(`\ufeff${login}`), 422],
  ['with a NUL', post(`{"code":"a\0b","redirect_uri":"r"}`), 422],
  ['with a NUL behind it', post(`${login}\0`), 422],
  ['that is NULs', post('\0'.repeat(100)), 422],
  ['with a lone high surrogate', post('{"code":"\\ud800","redirect_uri":"r"}'), 422],
  ['with a lone low surrogate', post('{"code":"\\udc00","redirect_uri":"r"}'), 422],
  ['with surrogates the wrong way round', post('{"code":"\\udc00\\ud800","redirect_uri":"r"}'), 422],
  ['with a surrogate in a name', post('{"\\ud800":1,"code":"c","redirect_uri":"r"}'), 422],
  ['with the code twice', post(`{"code":"${code}","code":"b","redirect_uri":"r"}`), 422],
  ['with the code twice, once in escapes', post(`{"code":"${code}","\\u0063ode":"b","redirect_uri":"r"}`), 422],
  ['with redirect_uri twice', post(`{"code":"${code}","redirect_uri":"r","redirect_uri":"r"}`), 422],
  ['of brackets', post('['.repeat(16_000)), 422],
  ['of brackets that close', post('['.repeat(8_000) + ']'.repeat(8_000)), 422],
  ['of nested objects', post('{"a":'.repeat(3_200)), 422],
  ['of brackets in the code', post(`{"code":${'['.repeat(7_000)}${']'.repeat(7_000)},"redirect_uri":"r"}`), 422],
  ['of one long number', post(`{"code":${'9'.repeat(16_000)},"redirect_uri":"r"}`), 422],
  ['with a number of a huge exponent', post('{"code":1e999999999,"redirect_uri":"r"}'), 422],
  ['of many members', post(`{${Array.from({ length: 1_500 }, (_, i) => `"${i}":1`).join(',')}}`), 422],
  ['with a comment', post(`/* x */${login}`), 422],
  ['with single quotes', post(login.replaceAll('"', "'")), 422],
  ['with NaN', post('{"code":NaN,"redirect_uri":"r"}'), 422],
  ['of two values', post(login + login), 422],
  ['with markup in a name', post('{"</script><script>alert(1)</script>":1}'), 422],
  ['with another secret than asked', post('{"code":1,"client_secret":"x","redirect_uri":"r"}'), 422],
  ['as text', raw('POST /access-token HTTP/1.1', ['Content-Type: text/plain', `Content-Length: ${login.length}`], login), 415],
  ['as a form', raw('POST /access-token HTTP/1.1', ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 9'], 'code=code'), 415],
  ['as multipart', raw('POST /access-token HTTP/1.1', ['Content-Type: multipart/form-data; boundary=application/json', 'Content-Length: 9'], 'code=code'), 415],
  ['as almost JSON', raw('POST /access-token HTTP/1.1', ['Content-Type: application/jsonp', `Content-Length: ${login.length}`], login), 415],
  ['as text that names JSON', raw('POST /access-token HTTP/1.1', ['Content-Type: text/plain; application/json', `Content-Length: ${login.length}`], login), 415],
  ['of no type', raw('POST /access-token HTTP/1.1', [`Content-Length: ${login.length}`], login), 415],
  ['with a form field twice, to a callback', raw('POST /deauthorize HTTP/1.1', ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 33'], 'signed_request=a&signed_request=b'), 400],
  ['with a bad signature, to a callback', raw('POST /data-deletion HTTP/1.1', ['Content-Type: application/x-www-form-urlencoded', 'Content-Length: 19'], 'signed_request=AA.e'), 400],
];

const query = (text) => get(`/me?${text}`, []);
const queries = [
  ['the token twice', query(`access_token=${token}&access_token=${token}`), 422],
  ['the token twice, one name encoded', query(`access_token=${token}&access%5Ftoken=b`), 422],
  ['an empty token', query('access_token='), 422],
  ['no value', query('access_token'), 422],
  ['a NUL', query(`access_token=${token}%00`), [200, 400], { asked: 'maybe' }],
  ['invalid UTF-8', query(`access_token=${token}%ff`), 400],
  ['a surrogate', query(`access_token=${token}%ed%a0%80`), 400],
  ...['%', '%z', '%zz', '%4', '%u0041', '%%', '%-1', '%+1'].map((bad) => [`the bad percent sign ${bad}`, query(`access_token=${token}${bad}`), 400]),
  ['8 KiB less a byte', query(`access_token=${token}&x=`.padEnd(8191 + 0, 'y')), 200, { asked: 1 }],
  ['8 KiB', query(`access_token=${token}&x=`.padEnd(8192, 'y')), 200, { asked: 1 }],
  ['8 KiB and a byte', query(`access_token=${token}&x=`.padEnd(8193, 'y')), 414],
  ['64 KB', query(`access_token=${token}&x=`.padEnd(64_000, 'y')), 414],
  ['64 KB of ampersands', query('&'.repeat(64_000)), 414],
  ['8,000 ampersands', query('&'.repeat(8_000)), 422],
  ['2,000 fields', query('a=b&'.repeat(2_000)), 422],
  ['a line end', query(`access_token=${token}%0d%0aX-Injected:%201`), [200, 400], { asked: 'maybe' }],
  ['markup', query('access_token=&x=</script>'), [400, 422]],
  ['bytes that are no ASCII', query(Buffer.from(`access_token=${token}ä`).toString('latin1')), [200, 400], { asked: 'maybe' }],
  ['a path of 64 KB', get(`/${'x'.repeat(64_000)}`), [404, 414]],
  ['a path of 64 KB of dots', get(`/${'../'.repeat(20_000)}me`), [400, 404, 414]],
];

const headers = [
  ['64 KB of one header', get('/me', [bearer, `X-Long: ${'x'.repeat(64_000)}`]), [200, 400, 431], { asked: 'maybe' }],
  ['2,000 headers', get('/me', [bearer, ...Array.from({ length: 2_000 }, (_, i) => `X-${i}: x`)]), [200, 400, 431], { asked: 'maybe' }],
  ['a token of 30 KB', get('/me', [`Authorization: Bearer ${token.repeat(1_400)}`]), [200, 400, 414, 431, 502], { asked: 'maybe' }],
  ['two Authorization headers', get('/me', [bearer, `Authorization: Bearer ${otherToken}`]), [200, 400], { asked: 'maybe' }],
  ['a folded header', get('/me', [bearer, 'X: a\r\n b']), [200, 400], { asked: 'maybe' }],
  ['a header without a name', get('/me', [bearer, ': x']), [200, 400], { asked: 'maybe' }],
  ['a header without a colon', get('/me', [bearer, 'nonsense']), [200, 400], { asked: 'maybe' }],
  ['a NUL in a header', get('/me', [bearer, 'X: a\0b']), [200, 400], { asked: 'maybe' }],
  ['a bare CR in a header', get('/me', [bearer, 'X: a\rY: b']), [200, 400], { asked: 'maybe' }],
  ['a blank in a header name', get('/me', [bearer, 'X Y: a']), [200, 400], { asked: 'maybe' }],
  ['a token that is not UTF-8', get('/me', ['Authorization: Bearer \xff\xfe123456']), 400],
  ['Basic instead of Bearer', get('/me', ['Authorization: Basic Y2FuYXJ5MGNhbmFyeTA=']), 422],
  ['no token behind Bearer', get('/me', ['Authorization: Bearer   ']), 422],
  ['a Proxy header', get('/me', [bearer, 'Proxy: http://127.0.0.1:1/']), 200, { asked: 1 }],
  ['a Host of markup', get('/config', ['Host: <script>']), [200, 400]],
  ['X-Forwarded and X-Original headers', get('/nope', ['X-Original-URL: /me', 'X-Rewrite-URL: /me', 'X-HTTP-Method-Override: POST', bearer]), 404],
  ['a cross-origin preflight', raw('OPTIONS /access-token HTTP/1.1', ['Origin: https://evil.example', 'Access-Control-Request-Method: POST', 'Access-Control-Request-Headers: content-type']), 405],
  ['an Origin', get('/me', [bearer, 'Origin: https://evil.example']), 200, { asked: 1 }],
  ['an Upgrade', get('/nope', ['Connection: Upgrade', 'Upgrade: websocket']), 404],
  ['an upgrade to HTTP/2', get('/nope', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']), 404],
  ['a Range of an error', get('/nope', ['Range: bytes=0-0']), 404],
  ['a Range beyond a file', get('/static/app.js', ['Range: bytes=99999999-']), 416, { file: true }],
  ['a thousand Ranges of a file', get('/static/app.js', [`Range: bytes=${Array.from({ length: 1_000 }, (_, i) => `${i}-${i}`).join(',')}`]), [], { file: true }],
  ['If-Match of another version', get('/static/app.js', ['If-Match: "x"']), 412, { file: true }],
  ['If-Unmodified-Since long ago', get('/static/app.js', ['If-Unmodified-Since: Mon, 01 Jan 1990 00:00:00 GMT']), 412, { file: true }],
];

const lines = [
  ['an unknown version', raw('GET /config HTTP/3.0', []), [200, 400, 505]],
  ['no version', Buffer.from('GET /config\r\n\r\n'), 'any', { silent: true }],
  ['HTTP/1.0', raw('GET /config HTTP/1.0', []), 200],
  ['no Host', Buffer.from('GET /config HTTP/1.1\r\nConnection: close\r\n\r\n'), 400],
  ['no path', raw('GET  HTTP/1.1', []), 400],
  ['a path without a slash', raw('GET me HTTP/1.1', []), 400],
  ['an absolute address', raw('GET http://localhost/config HTTP/1.1', []), 200],
  ['another host\'s absolute address', raw('GET http://evil.example/config HTTP/1.1', []), [200, 400, 403, 404, 421]],
  ['blanks in the path', raw('GET /co nfig HTTP/1.1', []), 400],
  ['a NUL in the path', raw('GET /me\0 HTTP/1.1', []), 400],
  ['a NUL in the path, encoded', get('/me%00'), [400, 404]],
  ['a line end in the path, encoded', get('/me%0d%0aX-Injected:%201'), 404],
  ['a question mark in the path, encoded', get(`/me%3Faccess_token=${'x'.repeat(20)}`), 404],
  ['a fragment', raw('GET /me#x HTTP/1.1', []), [400, 404, 422]],
  ['a backslash', get('/\\me'), [400, 404]],
  ['TLS to the plain port', Buffer.from('16030100c0010000bc0303', 'hex'), 400, { silent: true, end: true }],
  ['garbage', Buffer.from('\x00\x01\x02\xff\r\n\r\n', 'latin1'), 400, { silent: true }],
  ['an HTTP/2 preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), [400, 405, 501, 505], { silent: true }],
];

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'TRACE', 'TRACK', 'CONNECT', 'PROPFIND', 'MKCOL', 'MOVE', 'LOCK', 'PURGE', 'DEBUG', 'FOO', 'get', 'GETT', 'GE-T', 'X'.repeat(300)];
const allowed = { '/me': ['GET', 'HEAD'], '/access-token': ['POST'], '/config': ['GET', 'HEAD'], '/data-deletion': ['GET', 'HEAD', 'POST'], '/auth': ['GET', 'HEAD'], '/static/app.js': ['GET', 'HEAD'], '/nope': [] };

// What lies beside the page (and some of it among the page's files), and the ways to ask for it.
const secrets = ['.env', '.git/config', '.git/HEAD', 'src/main.cc', 'index.html~', '.htpasswd', 'nginx.conf', 'build/threads-oauth.fcgi'];
const secretsInside = ['.env', '.git/config', 'index.html~', '.hidden', '#app.js#', 'src/main.cc'];
const tricks = [
  ...secrets.flatMap((file) => [
    `/${file}`, `/static/${file}`, `/static/../${file}`, `/static/%2e%2e/${file}`, `/static/..%2f${file}`, `/static/%2e%2e%2f${file}`, `/static/..%5c${file}`,
    `/static/..\\${file}`, `//${file}`, `/static//${file}`, `/static/./${file}`, `/static/../../${file}`, `/static/.%2e/${file}`, `/static/%2e./${file}`,
    `/static/%252e%252e/${file}`, `/static/..;/${file}`, `/static/..%00/${file}`, `/static/%c0%ae%c0%ae/${file}`, `/static/....//${file}`, `/auth/../${file}`, `/auth/callback/../../${file}`,
    `/STATIC/../${file}`, `/${file}/`, `/${file}%00`, `/${file}%00.js`, `/static/app.js/../../${file}`, `/static/app.js%2f..%2f..%2f${file}`, `/%2e/${file}`, `/./${file}`,
    `/${encodeURIComponent(file)}`, `/%${file.charCodeAt(0).toString(16)}${file.slice(1)}`, `/static/${file}?x`, `/static/${file};x`, `/static/${file}%20`, `/static/${file}.`,
  ]),
  ...secretsInside.map((file) => `/static/${file.replaceAll('#', '%23')}`), '/static/%2eenv', '/static/%2Eenv', '/static/.%65nv', '/static/index.html%7e', '/static/.', '/static/..', '/static', '/static/', '/static//', '/Static/app.js', '/static/APP.JS',
  '/static/app.js/', '/static/app.js//', '/static/app.js/x', '/static/app.js%00', '/static/app.js%00.env', '/static/app.js;x', '/static/app.js%20', '/static/app.js.', '/index.html', '/auth/', '/AUTH', '/auth%2fcallback', '/auth/callback/', '/auth/callback%00',
  '/static/CON', '/static/app.js::$DATA', '/proc/self/environ', '/static/../../../../../../../../etc/passwd', '/static/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd', '/..%c1%9c..%c1%9cetc/passwd', '/cgi-bin/', '/server-status', '/nginx_status', '/threads-oauth-error', '/.well-known/../.env',
];

const servers = {
  nginx: async (stage, program) => startNginx(stage, { socket: program.address.path }),
  'Apache, mod_proxy_fcgi': async (stage, program) => startApache(stage, 'proxy', { socket: program.address.path }),
};

for (const [name, start] of Object.entries(servers)) {
  describe(name, () => {
    const stage = new Stage();
    let upstream;
    let program;
    let port;
    before(async () => {
      upstream = await Upstream.start(stage);
      upstream.answers({ body: success });
      for (const file of secrets) stage.write(file, planted, 0o644);
      for (const file of secretsInside) stage.write(`www/${file}`, planted, 0o644);
      program = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url, THREADS_TIMEOUT: '8' }) });
      ({ port } = await start(stage, program));
    });
    after(() => stage.close());

    async function check([, bytes, statuses, { asked = 0, silent = false, file = false, ...how } = {}]) {
      upstream.answers({ body: success });
      const answer = await talk(port, bytes, how);
      if (answer === null) {
        assert.ok(silent, 'no answer');
      } else if (file && [200, 206].includes(answer.status)) {
        assert.deepEqual(answer.all('x-content-type-options'), ['nosniff'], show(answer));
      } else if (statuses !== 'any') {
        assertContract(answer, statuses);
      }
      if (asked !== 'maybe') assert.equal(upstream.requests.length, asked, `Threads was asked ${upstream.requests.length} times`);
      for (const request of upstream.requests) assert.ok(['/oauth/access_token', '/v1.0/me'].includes(request.path));
    }

    for (const [what, cases] of Object.entries({ 'a body': bodies, 'a query with': queries, 'a request with': headers, 'a request line with': lines })) {
      describe(what, () => { for (const row of cases) test(row[0], () => check(row)); });
    }

    describe('every method', () => {
      for (const [path, verbs] of Object.entries(allowed)) {
        for (const method of methods) {
          test(`${method.length > 20 ? 'one of 300 letters' : method} ${path}`, async () => {
            upstream.answers({ body: success });
            const answer = await talk(port, raw(`${method} ${path} HTTP/1.1`, [bearer, jsonType, 'Content-Length: 0']), { head: method === 'HEAD' });
            if (verbs.includes(method)) {
              assert.ok([200, 404, 415, 422].includes(answer.status), show(answer));
            } else {
              const head = method === 'HEAD';
              assertContract(answer, [400, 404, 405, 501], { head });
              assert.equal(upstream.requests.length, 0);
              if (answer.status === 405) assert.ok(answer.all('allow').some((value) => value !== '' || method === 'TRACE'), `405 without Allow: ${show(answer)}`);
            }
          });
        }
      }
      test('CONNECT to another host', async () => assertContract(await talk(port, raw('CONNECT evil.example:443 HTTP/1.1')), [400, 404, 405]));
      test('OPTIONS *', async () => { const answer = await talk(port, raw('OPTIONS * HTTP/1.1')); assert.ok([200, 400, 404, 405].includes(answer.status), show(answer)); if (answer.status >= 400) assertContract(answer, answer.status); });
    });

    describe('never served, however it is asked for', () => {
      for (const path of tricks) {
        test(path, async () => {
          const answer = await talk(port, raw(`GET ${path} HTTP/1.1`));
          assert.ok(!answer.text.includes(planted) && !answer.text.includes('root:x:'), show(answer));
          // What a server reads as the page, a script or the program's root is no secret.
          if (answer.status === 200) assert.match(path, /^\/static\/(app\.js\/\.\.\/\.\.\/|\.$|\.\.$)|^\/(static|auth)\/?\.?\.?\/|^\/auth%2fcallback$/, show(answer));
          else assertContract(answer, [400, 403, 404, 422]);
        });
      }
      test('no listing of a folder, no redirect that names a host', async () => {
        for (const path of ['/static', '/static/', '/auth/', '/', '//', '//evil.example/..', '//evil.example/%2e%2e', '/%0d%0aLocation:%20http://evil.example']) {
          const answer = await talk(port, raw(`GET ${path} HTTP/1.1`));
          assert.deepEqual(answer.all('location'), [], path);
          assert.doesNotMatch(answer.text, /Index of|app\.js/, path);
        }
      });
    });

    describe('60 peers that are broken in one way delay nobody', () => {
      const request = post(login);
      const half = request.subarray(0, request.length - 5);
      const headersOnly = request.subarray(0, 60);
      const ways = {
        silent: async () => {},
        'half-sent in the headers': (socket) => push(socket, headersOnly),
        'half-sent in the body': (socket) => push(socket, half),
        slow: async (socket, state) => { (async () => { for (const byte of request) { if (state.over || !(await push(socket, Buffer.from([byte])))) return; await pause(30); } })(); },
        vanishing: async (socket) => { await push(socket, request); socket.resetAndDestroy(); },
        'vanishing in the middle': async (socket) => { await push(socket, half); socket.resetAndDestroy(); },
        'half-closed': async (socket) => { socket.end(half); },
        'that never read their answers': async (socket) => { socket.pause(); await push(socket, Buffer.concat(Array(20).fill(raw('GET /static/app.js HTTP/1.1').toString('latin1').replace('close', 'keep-alive')).map((text) => Buffer.from(text)))); },
        'that wait for Threads and leave': async (socket, state) => { if (!state.hangs) { state.hangs = true; upstream.answers({ hang: true }); } await push(socket, get('/me')); await tick(); socket.destroy(); },
      };
      for (const [way, act] of Object.entries(ways)) {
        test(way, async () => {
          upstream.answers({ body: success });
          const state = { over: false };
          const sockets = await Promise.all(Array.from({ length: 60 }, async () => {
            const socket = await connect({ port, host: '127.0.0.1', localAddress: nextAddress() });
            socket.on('error', () => {});
            await act(socket, state);
            return socket;
          }));
          upstream.answers({ body: success });
          for (let i = 0; i < 3; i += 1) {
            const [answer, ms] = await timed(() => talk(port, get('/me')));
            assert.equal(answer?.text, success, show(answer));
            assert.ok(ms < 1_000, `a normal request took ${Math.round(ms)} ms`);
          }
          state.over = true;
          for (const socket of sockets) socket.destroy();
        });
      }
    });

    test('the program is alive, small, and lets go of its descriptors', async () => {
      assert.equal(program.over, undefined);
      if (!hasSanitizers) assert.ok(memory(program.pid, 'VmHWM') < 48 * 1024, `${memory(program.pid, 'VmHWM')} KiB`);
      // Those of peers that left in the middle end after 10 s; a web server keeps some for itself.
      await until(() => sockets(program.pid).unix < 30, 'connections that nobody needs are closed', 12_000);
      const answer = await talk(port, post(login));
      assert.equal(answer.text, success);
    });

    test('nothing leaked, not even where a token stood where none belongs', async () => {
      // In the path, behind characters that web servers decode or cut at; the answers must not repeat it either.
      for (const target of [`/me;access_token=${token}`, `/me%3Faccess_token=${token}`, `/me%3faccess_token=${token}`, `/me&access_token=${token}`, `/me%26access_token=${token}`, `/auth/callback%3Fcode=${code}`, `/auth/callback;code=${code}`, `/static/app.js%3Fcode=${code}`,
        `//me?access_token=${token}`, `/auth?code=${code}#${token}`, `/%zz?access_token=${token}`, `/a b?access_token=${token}`, `/%00?access_token=${token}`, `/../../..?access_token=${token}`, `http://localhost/me?access_token=${token}`, `?access_token=${token}`]) {
        const answer = await talk(port, raw(`GET ${target} HTTP/1.1`, [`Referer: http://localhost/auth/callback?code=${code}`, `User-Agent: ${token}`, `Cookie: t=${token}`]));
        if (answer && answer.status !== 200) assertNoCanary(JSON.stringify(answer.headers) + answer.text, target);
      }
      await talk(port, Buffer.from(`GET /me?access_token=${token}\r\n\r\n`));
      await talk(port, Buffer.from(`${token} /me?access_token=${token} HTTP/1.1\r\nHost: ${token}\r\n\r\n`));
      await talk(port, raw(`GET /me HTTP/1.1`, [`${token}: ${token}`, `X: ${token}\0`, `Authorization: Bearer ${'x'.repeat(40_000)}${token}`]));
      assertNothingLeaked(stage);
    });
  });
}
