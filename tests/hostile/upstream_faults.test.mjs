// Everything that Threads, or somebody in its place, can do wrong: each on a POST and a GET, all at
// once against one program, which must give the right status in time and stay as small as it was.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';
import { appSecret, assertNothingLeaked, clientSecret, code, otherToken, token } from '../lib/canaries.mjs';
import { send } from '../lib/fastcgi.mjs';
import { assertContract, hasSanitizers, memory, pause, push, reply, tick, timed, until, Wire } from '../lib/hostile.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { freePort, Stage } from '../lib/stage.mjs';

const stage = new Stage();
const success = `{"access_token":"${otherToken}","user_id":17841405793187218}`;
const redirectUri = 'https://login.example.com/auth/callback';

// A request by each method. The path's end tells the script which case it belongs to.
const asks = {
  POST: (tag = '') => ({ method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code: code + tag, redirect_uri: redirectUri }) }),
  GET: (tag = '') => ({ path: '/long-lived-access-token', headers: { Authorization: `Bearer ${token}${tag}` } }),
};

let decoy;
const decoyUrl = (scheme = 'http') => `${scheme}://127.0.0.1:${decoy.port}/steal`;

// What came as credential, secret and whole form, decoded.
function sentFields(request) {
  const fields = new URLSearchParams(request.method === 'POST' ? request.body : request.target.split('?')[1]);
  return { credential: fields.get('code') ?? fields.get('access_token'), secret: fields.get('client_secret'), raw: request.method === 'POST' ? request.body : request.target };
}

const say = (bytes) => (socket, request) => { socket.end(typeof bytes === 'function' ? bytes(request) : bytes); };
const json = (status, body, headers) => say((request) => reply(status, typeof body === 'function' ? body(request) : body, { Connection: 'close', ...headers }));
const chunked = (size, headers = '') => async (socket) => {
  await push(socket, `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n${headers}\r\n`);
  const body = `{"a":"${'x'.repeat(size - 8)}"}`;
  for (let at = 0; at < size; at += 8_000) {
    const part = body.slice(at, at + 8_000);
    if (!(await push(socket, `${part.length.toString(16)}\r\n${part}\r\n`))) return;
  }
  socket.end('0\r\n\r\n');
};
const endless = (start, part) => async (socket) => {
  await push(socket, start);
  const bytes = Buffer.from(part.repeat(Math.ceil(65_536 / part.length)));
  for (let sent = 0; sent < 50_000_000; sent += bytes.length) if (!(await push(socket, bytes))) return;
  socket.end();
};

const isSuccess = (text) => (body, answer) => assert.equal(answer.text, text);
const upstreamStatus = (status) => (body) => assert.equal(body.upstream?.status, status);
const refusal = (expected) => (body) => {
  for (const [name, value] of Object.entries(expected)) assert.deepEqual(name === 'detail' ? body.detail : body.upstream[name], value, name);
};

// [name, script, status, more]: what Threads does and what must come back. more: a check of the body, or
// {slow: true} for what must last until THREADS_TIMEOUT.
const slow = { slow: true };
const faults = [
  ['all is well', json(200, success), 200, isSuccess(success)],
  ['hangs before it answers', () => {}, 504, slow],
  ['hangs in the status line', (socket) => { socket.write('HTTP/1.1 2'); }, 504, slow],
  ['hangs after the headers', (socket) => { socket.write('HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n'); }, 504, slow],
  ['hangs in the body', (socket) => { socket.write(reply(200, success).subarray(0, -5)); }, 504, slow],
  ['hangs after a chunk', (socket) => { socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n'); }, 504, slow],
  ['sends a byte at a time, too slowly', async (socket) => { for (const byte of reply(200, success)) { if (!(await push(socket, Buffer.from([byte])))) return; await pause(40); } }, 504, slow],
  ['sends an interim answer now and then, for ever', async (socket) => { while (await push(socket, 'HTTP/1.1 102 Processing\r\n\r\n')) await pause(40); }, 504, slow],
  ['sends a byte at a time, fast enough', async (socket) => { for (const byte of reply(200, success, { Connection: 'close' })) { await push(socket, Buffer.from([byte])); await tick(); } socket.end(); }, 200, isSuccess(success)],
  ['resets the connection', (socket) => { socket.resetAndDestroy(); }, 502],
  ['resets in the middle of the body', async (socket) => { await push(socket, reply(200, success).subarray(0, -5)); await pause(50); socket.resetAndDestroy(); }, 502],
  ['closes without a word', say(''), 502],
  ['closes in the status line', say('HTTP/1.1 20'), 502],
  ['closes in the headers', say('HTTP/1.1 200 OK\r\nContent-Ty'), 502],
  ['closes in the body', say(reply(200, success).subarray(0, -1)), 502],
  ['closes in a chunk', say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"a":1}'), 502],
  ['closes before the last chunk', say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n'), 502],

  ['interim answers, then a real one', say(Buffer.concat([Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'.repeat(20)), reply(200, success, { Connection: 'close' })])), 200, isSuccess(success)],
  ['a storm of interim answers', endless('', 'HTTP/1.1 100 Continue\r\n\r\n'), 502],
  ['a storm of interim answers with headers', endless('', 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'), 502],
  ['101 Switching Protocols', say('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'), 502],

  ...[300, 301, 302, 303, 304, 305, 307, 308, 399].flatMap((status) => [
    [`${status} to another server`, json(status, '', { get Location() { return decoyUrl(); } }), 502, upstreamStatus(status)],
  ]),
  ['307 to another server by https', json(307, success, { get Location() { return decoyUrl('https'); } }), 502],
  ['307 to another host without a scheme', json(307, success, { get Location() { return `//127.0.0.1:${decoy.port}/steal`; } }), 502],
  ['302 to a file', json(302, '', { Location: 'file:///etc/passwd' }), 502],
  ['308 to itself', json(308, '', { Location: '/oauth/access_token' }), 502],
  ['200 with Refresh, Alt-Svc and Link to another server', json(200, success, { get Refresh() { return `0; url=${decoyUrl()}`; }, get 'Alt-Svc'() { return `http/1.1="127.0.0.1:${decoy.port}"; ma=3600`; }, get Link() { return `<${decoyUrl()}>; rel=preload`; } }), 200, isSuccess(success)],
  ['401 that asks for a password', json(401, '{"error":{"message":"m"}}', { 'WWW-Authenticate': 'Basic realm="x", Negotiate, NTLM' }), 400],
  ['407 that asks for a password', json(407, '{"error":{"message":"m"}}', { 'Proxy-Authenticate': 'Basic realm="x"' }), 400],

  ["400 in Meta's flat shape", json(400, '{"error_type":"OAuthException","code":400,"error_message":"No"}'), 400, refusal({ detail: 'No', status: 400, type: 'OAuthException', code: 400 })],
  ["400 in Graph's shape", json(400, '{"error":{"message":"No","type":"T","code":100,"error_subcode":5,"fbtrace_id":"Z"}}'), 400, refusal({ detail: 'No', type: 'T', code: 100, subcode: 5, trace: 'Z' })],
  ["400 in RFC 6749's shape", json(400, '{"error":"invalid_grant","error_description":"No"}'), 400, refusal({ detail: 'No', type: 'invalid_grant' })],
  ["400 as the window shows it", json(400, '{"error_message":"No","error_code":1349245}'), 400, refusal({ detail: 'No', code: 1349245 })],
  ['200 with an error object', json(200, '{"error":{"message":"No","code":190}}'), 400, refusal({ detail: 'No', status: 200, code: 190 })],
  ['200 with an error type', json(200, '{"error_type":"OAuthException","error_message":"No"}'), 400, refusal({ detail: 'No', status: 200 })],
  ...[['a number', 5], ['null', null], ['a list', [1]], ['an object', { a: 1 }], ['false', false], ['empty', '']].flatMap(([what, value]) => [
    [`400, its error ${what}`, json(400, JSON.stringify({ error: value })), 400],
    [`400, its message ${what}`, json(400, JSON.stringify({ error: { message: value, type: value, code: value, error_subcode: value, fbtrace_id: value } })), 400],
    [`400, its flat message ${what}`, json(400, JSON.stringify({ error_type: value, error_message: value, code: value })), 400],
  ]),
  ['400 with numbers beyond 64 bits', json(400, '{"error":{"message":"No","code":123456789012345678901234567890,"error_subcode":-1e400}}'), 400],
  ['400 with members given twice', json(400, '{"error":{"message":"No","message":5,"code":1,"code":2}}'), 400],
  ['400 with HTML', json(400, '<html><script>alert(1)</script>'), 400],
  ['400 with nothing', json(400, ''), 400],
  ['400 with a list', json(400, '[]'), 400],
  ['400 nested deeply', json(400, '['.repeat(30_000)), 400],
  ['400 over 64 KiB', json(400, `{"error":{"message":"${'x'.repeat(65_536)}"}}`), 502],
  ['400 with a message of 60 KB without a blank', json(400, `{"error":{"message":"${'\\u0001'.repeat(10_000)}"}}`), 400, refusal({ detail: 'Threads refused without a message.' })],
  ['400 with a message of 60 KB: its beginning', json(400, `{"error":{"message":"${'words '.repeat(10_000)}"}}`), 400, refusal({ detail: 'words '.repeat(170).trimEnd() })],
  ['400 with an invalid message', json(400, Buffer.from('{"error":{"message":"\xff\xfe"}}', 'latin1')), 400],
  ['400 with a lone surrogate', json(400, '{"error":{"message":"\\ud800"}}'), 400],
  ['418', json(418, '{"error":{"message":"No"}}'), 400, upstreamStatus(418)],
  ['499', json(499, '{"error":{"message":"No"}}'), 400, upstreamStatus(499)],

  ['429', json(429, '{"error":{"message":"Slow","code":4}}', { 'Retry-After': '17' }), 429, (body, answer) => assert.deepEqual(answer.all('retry-after'), ['17'])],
  ['429 without Retry-After', json(429, '{}'), 429, (body, answer) => assert.deepEqual(answer.all('retry-after'), [])],
  ['429 until a date', json(429, '{}', { 'Retry-After': new Date(Date.now() + 3_600_000).toUTCString() }), 429, (body, answer) => assert.match(answer.get('retry-after'), /^3[56]\d\d$/)],
  ['429 with an HTML page', json(429, '<html>', { 'Retry-After': '5' }), 429, (body, answer) => assert.deepEqual(answer.all('retry-after'), ['5'])],
  ...['-5', 'soon', '1e9', '5; X-Injected: 1', '99999999999999999999999', 'Thu, 01 Jan 1970 00:00:00 GMT', ''].map((value) => (
    [`429 with Retry-After: ${value}`, json(429, '{}', { 'Retry-After': value }), 429, (body, answer) => { for (const sent of answer.all('retry-after')) assert.match(sent, /^\d{1,19}$/); }])),

  ...[500, 501, 502, 503, 504, 511, 599, 600, 999].map((status) => [`${status}`, json(status, success, { 'Retry-After': '9' }), 502, upstreamStatus(status)]),
  ...[201, 299].map((status) => [`${status} with a token`, json(status, success), 200, isSuccess(success)]),
  ['204', say('HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n'), 502, upstreamStatus(204)],
  ['205', json(205, ''), 502],
  ['status 000', say('HTTP/1.1 000 X\r\nContent-Length: 2\r\n\r\n{}'), 502],
  ['a status with two digits', say('HTTP/1.1 20 X\r\nContent-Length: 2\r\n\r\n{}'), 502],
  ['no HTTP at all', say('SSH-2.0-OpenSSH_9.9\r\n'), 502],
  ['HTTP/0.9', say(success), 502],
  ['HTTP/9.9', say('HTTP/9.9 200 OK\r\n\r\n{}'), 502],
  ['HTTP/2 without being asked', say(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])), 502],
  ['HTTP/1.0', say(`HTTP/1.0 200 OK\r\n\r\n${success}`), 200, isSuccess(success)],
  ['bare line feeds', say(`HTTP/1.1 200 OK\nContent-Length: ${success.length}\nConnection: close\n\n${success}`), 200, isSuccess(success)],

  ['200 with HTML', json(200, '<!doctype html><title>x</title>'), 502, upstreamStatus(200)],
  ['200 with nothing', json(200, ''), 502, upstreamStatus(200)],
  ['200 with a list', json(200, '[1]'), 502, upstreamStatus(200)],
  ['200 with a string', json(200, '"x"'), 502],
  ['200 with null', json(200, 'null'), 502],
  ['200 with half an object', json(200, '{"access_token":"x"'), 502],
  ['200 with two objects', json(200, '{}{}'), 502],
  ['200 with a byte order mark', json(200, `\ufeff${success}`), 502],
  ['200 with a NUL behind the object', json(200, `${success}\0`), 502],
  ['200 that is not UTF-8', json(200, Buffer.from('{"a":"\xff"}', 'latin1')), 502],
  ['200 with a lone surrogate', json(200, '{"a":"\\udc00"}'), 502],
  ['200 with an overlong "/"', json(200, Buffer.from('{"a":"\xc0\xaf"}', 'latin1')), 502],
  ['200 nested 64 deep', json(200, `${'{"a":'.repeat(64)}1${'}'.repeat(64)}`), 200],
  ['200 nested 65 deep', json(200, `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`), 502],
  ['200 nested 32,000 deep', json(200, `{"a":${'['.repeat(32_000)}`), 502],
  ['200 with </script> in it', json(200, '{"name":"</script><script>alert(1)</script>"}'), 200, isSuccess('{"name":"</script><script>alert(1)</script>"}')],
  ['200 with U+2028', json(200, '{"name":"\u2028\u2029"}'), 200, isSuccess('{"name":"\u2028\u2029"}')],
  ['400 with </script> in its message', json(400, '{"error":{"message":"</script><img src=x onerror=alert(1)>"}}'), 400, refusal({ detail: '</script><img src=x onerror=alert(1)>' })],
  ['400 with U+2028 in its message', json(400, '{"error":{"message":"a\u2028b"}}'), 400, refusal({ detail: 'a\u2028b' })],
  ['400 with line ends in its message', json(400, '{"error":{"message":"a\\r\\nX-Injected: 1\\r\\n\\r\\nb","type":"\\r\\nX-Injected: 1","fbtrace_id":"\\nX-Injected: 1"}}'), 400, refusal({ detail: 'a\r\nX-Injected: 1\r\n\r\nb' })],

  ['just 64 KiB', json(200, `{"a":"${'x'.repeat(65_536 - 8)}"}`), 200],
  ['64 KiB and a byte', json(200, `{"a":"${'x'.repeat(65_536 - 7)}"}`), 502],
  ['just 64 KiB, chunked', chunked(65_536), 200],
  ['64 KiB and a byte, chunked', chunked(65_537), 502],
  ['50 MB', endless('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n{"a":"', 'x'), 502],
  ['50 MB of no known length', endless('HTTP/1.1 200 OK\r\n\r\n{"a":"', 'x'), 502],
  ['50 MB, chunked', endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', `1000\r\n${'x'.repeat(4096)}\r\n`), 502],
  ['50 MB of one header', endless('HTTP/1.1 200 OK\r\nX-Long: ', 'x'), 502],
  ['50 MB of headers', endless('HTTP/1.1 200 OK\r\n', 'X-More: yes\r\n'), 502],
  ['50 MB of trailers', endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n', 'X-More: yes\r\n'), 502],
  ['50 MB of status line', endless('HTTP/1.1 200 ', 'x'), 502],
  ['50 MB of chunk size', endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n', '0'), 502],
  ['50 MB of chunk extensions', endless('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;', 'x'), [502, 504]],
  ['gzip that nobody asked for', json(200, zlib.gzipSync(success), { 'Content-Encoding': 'gzip' }), 502],
  ['a gzip bomb', json(200, zlib.gzipSync(Buffer.alloc(30_000_000, 'x')), { 'Content-Encoding': 'gzip' }), 502],
  // (libcurl undoes this one by itself: to it the transfer encoding is no part of the answer.)
  ['gzip as transfer encoding', say(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n'), zlib.gzipSync(success)])), [200, 502]],
  ['a gzip bomb as transfer encoding', say(Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nConnection: close\r\n\r\n'), zlib.gzipSync(Buffer.alloc(30_000_000, 'x'))])), 502],

  ['headers of its own are not passed on', json(200, success, { 'Set-Cookie': 'a=b', Location: 'http://x/', 'X-Injected': '1', 'Access-Control-Allow-Origin': '*', 'Content-Type': 'text/html', 'Cache-Control': 'public', Status: '302 Found' }), 200, isSuccess(success)],
  ['a header with a bare CR', say(`HTTP/1.1 429 X\r\nRetry-After: 5\rX-Injected: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}`), [429, 502]],
  ['a header with a NUL', say('HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 2\r\n\r\n{}'), [200, 502]],
  ['a header without a name', say('HTTP/1.1 200 OK\r\n: x\r\nno colon at all\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'), [200, 502]],
  ['a folded header', say('HTTP/1.1 200 OK\r\nX-Folded: a\r\n X-Injected: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'), [200, 502]],
  ['a status line that breaks', say('HTTP/1.1 429 A\rX-Injected: 1\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}'), [429, 502]],
  ['a negative Content-Length', say('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n{}'), [200, 502]],
  ['two Content-Lengths', say(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}   `), [200, 502]],
  ['a Content-Length beyond 64 bits', say('HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n{}'), [200, 502]],
  ['a Content-Length that is short', say(`HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\n${success}`), 502],
  ['a chunk size that is none', say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n'), 502],
  ['a chunk size beyond 64 bits', say('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}'), 502],
  ['an answer before the question is read, and another behind it', say(Buffer.concat([reply(200, success), reply(200, '{"second":1}')])), 200, isSuccess(success)],

  // What Threads says about a failure may hold what was sent to it.
  ...Object.entries({
    plain: (text) => text,
    'percent-encoded': encodeURIComponent,
    'percent-encoded in lower case': (text) => encodeURIComponent(text).replace(/%../g, (hex) => hex.toLowerCase()),
    'percent-encoded throughout': (text) => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
    'as a form': (text) => new URLSearchParams({ a: text }).toString().slice(2),
    'in quotes': (text) => `"${text}" '${text}' <${text}> (${text}), ${text}.`,
    'twice in a row': (text) => text + text,
  }).flatMap(([how, encode]) => [
    [`400 that repeats secret and credential, ${how}`, json(400, (request) => {
      const { credential, secret } = sentFields(request);
      const text = `Bad ${encode(credential)} with ${encode(secret)}`;
      return JSON.stringify({ error: { message: text, type: text, code: 1, fbtrace_id: text } });
    }), 400, (body) => assert.match(body.detail, /^Bad .* with /)],
    [`400 in the flat shape that repeats them, ${how}`, json(400, (request) => JSON.stringify({ error_type: encode(sentFields(request).secret), error_message: encode(sentFields(request).credential) })), 400],
    [`400 in RFC 6749's shape that repeats them, ${how}`, json(400, (request) => JSON.stringify({ error: encode(sentFields(request).secret), error_description: encode(sentFields(request).credential) })), 400],
  ]),
  ['400 that repeats what was sent', json(400, (request) => JSON.stringify({ error: { message: `In ${request.head}\n\n${request.body}` } })), 400],
  ['400 that repeats the address', json(400, (request) => JSON.stringify({ error: { message: `Cannot ${request.method} http://127.0.0.1:${threads.port}${request.target}` } })), 400, (body, answer) => assert.ok(!answer.text.includes(String(threads.port)), answer.text)],
  ['400 that repeats the address, percent-encoded', json(400, (request) => JSON.stringify({ error: { message: `Cannot ${encodeURIComponent(`http://127.0.0.1:${threads.port}${request.target}`)}` } })), 400],
  ['500 that repeats what was sent', json(500, (request) => request.head + request.body), 502],
  ['HTML that repeats what was sent', json(200, (request) => `<html>${request.head}${request.body}`), 502],
  ['a status line that repeats what was sent', say((request) => `HTTP/1.1 400 ${sentFields(request).raw}\r\nContent-Length: 2\r\nX-Echo: ${sentFields(request).raw}\r\nConnection: close\r\n\r\n{}`), 400],
];

let threads;
let program;
let impatient;
let fastTimeout;
before(async () => {
  decoy = await Wire.start(stage, (socket) => { socket.end(reply(200, success)); });
  // The case's number is the end of the code or token; characters that need escaping stand before it.
  threads = await Wire.start(stage, (socket, request) => {
    const number = /-(\d+)$/.exec(sentFields(request).credential)?.[1];
    return (number === undefined ? json(200, success) : faults[number][1])(socket, request);
  });
  const start = (timeout) => startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: threads.url, THREADS_TIMEOUT: timeout }) });
  [program, impatient] = await Promise.all([start('8'), start('0.8')]);
  fastTimeout = 7_000;
});
after(() => stage.close());

async function ask(number, method) {
  const [, , status, more] = faults[number];
  const isSlow = more?.slow;
  const { address } = isSlow ? impatient : program;
  const [answer, ms] = await timed(() => send(address, asks[method](`/+ =&%-${number}`)));
  const body = assertContract(answer, status);
  if (isSlow) assert.ok(ms > 700 && ms < 3_000, `504 after ${ms} ms with a limit of 800`);
  else assert.ok(ms < fastTimeout, `${ms} ms`);
  if (answer.status === 200) assert.ok(!answer.text.includes(token), 'the token that was sent came back');
  if (typeof more === 'function') more(body, answer);
}

for (const method of ['POST', 'GET']) {
  describe(`${method}: Threads answers with`, { concurrency: 12 }, () => {
    for (const [number, [name]] of faults.entries()) test(name, () => ask(number, method));
  });
}

test('nobody was sent on to another server', () => {
  assert.equal(decoy.connections, 0);
  assert.ok(threads.requests.length > faults.length);
});

test('nothing that Threads sets comes back to it: cookies, passwords, a referrer', () => {
  for (const { head } of threads.requests) assert.doesNotMatch(head, /^(cookie|authorization|proxy-authorization|referer|upgrade|accept-encoding):/im);
});

// Alone with a program: no server there, no name, a connection that dies between two requests.
for (const [name, url, status] of [
  ['nobody listens', async () => `http://127.0.0.1:${await freePort()}`, 502],
  ['the name does not resolve', () => 'https://no-such-host.invalid', 502],
  ['the name does not resolve, with a path and a port', () => 'https://no-such-host.invalid:8443/x', 502],
]) {
  test(`${name}: ${status}, without its address`, async () => {
    const it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: await url(), THREADS_TIMEOUT: '4' }) });
    for (const method of ['POST', 'GET']) {
      const [answer, ms] = await timed(() => send(it.address, asks[method]()));
      const body = assertContract(answer, status);
      assert.equal(body.upstream, undefined);
      assert.ok(ms < 4_500, `${ms} ms`);
      assert.doesNotMatch(answer.text, /127\.0\.0\.1|no-such-host/);
    }
  });
}

test('a server that never takes the connection: 504', async () => {
  // A full backlog: the kernel drops what else comes.
  const full = net.createServer();
  full.listen({ port: 0, host: '127.0.0.1', backlog: 1 });
  await once(full, 'listening');
  const child = stage.spawn('listener', process.execPath, ['-e', `
    const net = require('net');
    const server = net.createServer();
    server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
      process.stdout.write('port ' + server.address().port + '\\n', () => { for (;;) {} });
    });`]);
  full.close();
  const [, port] = await child.said(/port (\d+)/);
  const fill = Array.from({ length: 8 }, () => net.connect({ host: '127.0.0.1', port: Number(port) }));
  for (const socket of fill) socket.on('error', () => {});
  await until(() => fill.filter((socket) => !socket.connecting).length >= 2, 'the backlog is full');
  const it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: `http://127.0.0.1:${port}`, THREADS_TIMEOUT: '0.5' }) });
  const [answers, ms] = await timed(() => Promise.all(Object.values(asks).map((build) => send(it.address, build()))));
  child.child.kill('SIGKILL');
  for (const socket of fill) socket.destroy();
  for (const answer of answers) assertContract(answer, 504);
  assert.ok(ms < 3_000, `${ms} ms`);
});

describe('a kept connection', () => {
  let wire;
  let it;
  before(async () => {
    wire = await Wire.start(stage);
    it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: wire.url, THREADS_TIMEOUT: '4' }) });
  });
  const forget = () => { wire.hangUp(); wire.requests = []; wire.connections = 0; };

  for (const method of ['POST', 'GET']) {
    test(`${method}: is used again`, async () => {
      forget();
      wire.script = (socket) => { socket.write(reply(200, success)); };
      for (let i = 0; i < 3; i += 1) assertContract(await send(it.address, asks[method]()), 200);
      assert.equal(wire.connections, 1);
    });
    for (const [how, end] of [
      ['closed', (socket) => new Promise((resolve) => { socket.end(resolve); })],
      ['reset', (socket) => { socket.resetAndDestroy(); }],
    ]) {
      test(`${method}: ${how} while idle: the next request has a new one`, async () => {
        forget();
        wire.script = (socket) => { socket.write(reply(200, success)); };
        assertContract(await send(it.address, asks[method]()), 200);
        for (const socket of wire.sockets) await end(socket);
        assertContract(await send(it.address, asks[method]()), 200);
        assert.deepEqual([wire.requests.length, wire.connections], [2, 2]);
      });
      // Often: libcurl counts such second tries on a handle that is used again, and gives up at the sixth.
      test(`${method}: ${how} at the very moment of the next request: tried once more on a new one, each time`, async () => {
        forget();
        assertContract(await send(it.address, asks[method]()), 200);
        for (let i = 1; i <= 12; i += 1) {
          const old = new Set(wire.sockets);
          wire.requests = [];
          wire.script = (socket) => (old.has(socket) ? end(socket) : socket.write(reply(200, success)));
          assertContract(await send(it.address, asks[method]()), 200);
          assert.equal(wire.requests.length, 2, `time ${i}`);
        }
      });
    }
    test(`${method}: nothing is sent twice on a new one`, async () => {
      forget();
      wire.script = (socket) => { socket.resetAndDestroy(); };
      assertContract(await send(it.address, asks[method]()), 502);
      assert.equal(wire.requests.length, 1);
    });
    test(`${method}: bytes that come between two requests are not the next one's answer`, async () => {
      forget();
      wire.script = (socket) => { socket.write(Buffer.concat([reply(200, success), reply(200, '{"stale":1}')])); };
      assertContract(await send(it.address, asks[method]()), 200);
      wire.script = (socket) => { socket.write(reply(200, '{"fresh":1}')); };
      assert.equal((await send(it.address, asks[method]())).text, '{"fresh":1}');
    });
    test(`${method}: one that times out is not used again`, async () => {
      forget();
      let late;
      wire.script = (socket) => { late = socket; };
      const hung = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: wire.url, THREADS_TIMEOUT: '0.3' }) });
      assertContract(await send(hung.address, asks[method]()), 504);
      late.write(reply(200, '{"stale":1}'));
      wire.script = (socket) => { socket.write(reply(200, '{"fresh":1}')); };
      assert.equal((await send(hung.address, asks[method]())).text, '{"fresh":1}');
    });
  }
});

test('memory is flat: the same faults again and again', { skip: hasSanitizers && 'sanitizers keep what was freed' }, async () => {
  const numbers = [...faults.keys()].filter((number) => !faults[number][3]?.slow);
  const round = async () => {
    for (let at = 0; at < numbers.length; at += 16) {
      await Promise.all(numbers.slice(at, at + 16).map((number) => send(program.address, asks.GET(`-${number}`))));
    }
  };
  assert.ok(memory(program.pid, 'VmHWM') < 64 * 1024, `${memory(program.pid, 'VmHWM')} KiB at most so far`);
  await round();
  const first = memory(program.pid);
  for (let i = 0; i < 3; i += 1) await round();
  const grown = memory(program.pid) - first;
  assert.ok(grown < 2048, `grown by ${grown} KiB over ${3 * numbers.length} faults`);
});

test('both programs are alive and well', async () => {
  for (const it of [program, impatient]) {
    assert.equal(it.over, undefined);
    for (const build of Object.values(asks)) assert.equal((await send(it.address, build())).text, success);
  }
});

test('nothing leaked', () => {
  assertNothingLeaked(stage);
  for (const [name, text] of stage.logs()) assert.ok(!text.includes(appSecret) && !text.includes(clientSecret), name);
});
