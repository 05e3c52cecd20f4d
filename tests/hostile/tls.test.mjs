// The way to Threads by TLS: whoever cannot prove to be Threads gets not one byte of a request, and
// nothing in a file, an option or the environment changes that.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import { appSecret, assertNoCanary, assertNothingLeaked, code, otherToken, token } from '../lib/canaries.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { send } from '../lib/fastcgi.mjs';
import { assertContract, listen, reply, timed, Wire } from '../lib/hostile.mjs';
import { runCgi, startProgram, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';

const stage = new Stage();
const success = `{"access_token":"${otherToken}"}`;
const asks = {
  POST: { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, redirect_uri: 'https://login.example.com/' }) },
  GET: { path: '/long-lived-access-token', headers: { Authorization: `Bearer ${token}` } },
};

// A TLS server that plays Threads behind a plain one that keeps what is on the wire.
async function startTls(options) {
  const behind = await Wire.start(stage, (socket) => { socket.write(reply(200, success)); }, { server: tls.createServer(options) });
  const server = await listen(stage, (outside) => {
    record.connections += 1;
    const inside = net.connect(behind.port, '127.0.0.1');
    outside.on('data', (part) => record.raw.push(part));
    outside.pipe(inside).pipe(outside);
    for (const socket of [outside, inside]) socket.on('error', () => { outside.destroy(); inside.destroy(); });
  });
  const record = { port: server.address().port, behind, raw: [], connections: 0, errors: [], names: [] };
  behind.server.on('tlsClientError', (error) => record.errors.push(error.code ?? error.message));
  behind.server.on('secureConnection', (socket) => record.names.push(socket.servername));
  record.forget = () => { record.raw = []; record.connections = 0; record.errors = []; behind.received = []; behind.requests = []; };
  return record;
}

// The TLS records that a client sent: [type, length].
function records(bytes) {
  const found = [];
  for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3)) found.push([bytes[at], bytes.readUInt16BE(at + 3)]);
  return found;
}
const HANDSHAKE = 22, APPLICATION_DATA = 23;

// What a server got that must not get a request: it began a handshake, and neither the bytes on the wire
// nor what they decrypt to hold more than that.
function assertNothingSent(server, what) {
  const raw = Buffer.concat(server.raw);
  assert.ok(server.connections > 0, `${what}: the server was never tried`);
  assert.deepEqual(server.behind.requests, [], what);
  assert.equal(server.behind.bytes.length, 0, `${what}: decrypted bytes`);
  assertNoCanary(raw.toString('latin1'), `${what}: on the wire`);
  assert.doesNotMatch(raw.toString('latin1'), /oauth|access_token|HTTP\/1/, what);
  const seen = records(raw);
  assert.equal(seen[0][0], HANDSHAKE, what);
  // TLS 1.3 wraps the handshake's end (4 + 48 bytes) and an alert (2) in records of type 23, each with a
  // type byte and a tag of 16: a host name is compared when the handshake is over.
  const wrapped = seen.filter(([type]) => type === APPLICATION_DATA).map(([, length]) => length);
  assert.ok(wrapped.every((length) => length <= 4 + 48 + 1 + 16), `${what}: records of ${wrapped} bytes`);
}

let made;
let ca;
let good;
before(async () => {
  made = new Certificates(stage);
  ca = made.authority('ca');
  good = made.server('good', { issuer: ca });
});
after(() => stage.close());

const startProgramFor = (server, { settings = {}, host = 'localhost', ...options } = {}) => startProgram(stage, {
  envFile: writeEnv(stage, { THREADS_API_URL: `https://${host}:${server.port}`, THREADS_CA_FILE: ca.file, THREADS_TIMEOUT: '5', ...settings }), ...options,
});

async function assertRefused(server, it, what, status = 502) {
  server.forget();
  for (const [method, request] of Object.entries(asks)) {
    const [answer, ms] = await timed(() => send(it.address, request));
    const body = assertContract(answer, status);
    assert.equal(body.upstream, undefined, `${what}, ${method}`);
    if (status === 502) assert.match(body.detail, /TLS|safely|connection failed/, `${what}, ${method}`);
    assert.ok(ms < 5_000, `${what}, ${method}: ${ms} ms`);
  }
  assertNothingSent(server, what);
}

describe('the right certificate', () => {
  for (const [name, options] of [['TLS 1.2', { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }], ['TLS 1.3', { minVersion: 'TLSv1.3' }]]) {
    for (const [how, host] of [['by name', 'localhost'], ['by address', '127.0.0.1']]) {
      test(`${name}, ${how}: THREADS_CA_FILE is trusted`, async () => {
        const server = await startTls({ ...good, ...options });
        const it = await startProgramFor(server, { host });
        for (const request of Object.values(asks)) assert.equal((await send(it.address, request)).text, success);
        assert.equal(server.behind.requests.length, 2);
        if (host === 'localhost') assert.deepEqual([...new Set(server.names)], ['localhost'], 'the name is sent (SNI)');
        assertNoCanary(Buffer.concat(server.raw).toString('latin1'), 'on the wire');
      });
    }
  }
  test('a chain with an intermediate CA', async () => {
    const middle = made.authority('middle', ca);
    const leaf = made.server('leaf', { issuer: middle });
    const server = await startTls({ key: leaf.key, cert: Buffer.concat([leaf.cert, middle.cert]) });
    const it = await startProgramFor(server);
    assert.equal((await send(it.address, asks.GET)).text, success);
  });
  test('as a CGI process', async () => {
    const server = await startTls(good);
    const envFile = writeEnv(stage, { THREADS_API_URL: `https://localhost:${server.port}`, THREADS_CA_FILE: ca.file });
    assert.equal((await runCgi(stage, { envFile }, asks.GET)).text, success);
  });
});

// [name, options of the server]
const impostors = [
  ['self-signed', () => made.server('self', {})],
  ['self-signed, as a CA of the same name', () => { const fake = made.authority('ca-again'); return made.server('by-fake', { issuer: fake }); }],
  ['by an unknown CA', () => made.server('unknown', { issuer: made.authority('unknown-ca') })],
  ['for another host', () => made.server('other-host', { issuer: ca, names: 'DNS:other.example', subject: '/CN=other.example' })],
  ['for another host, its common name right', () => made.server('only-cn', { issuer: ca, names: 'DNS:other.example', subject: '/CN=localhost' })],
  ['for a longer name', () => made.server('longer', { issuer: ca, names: 'DNS:localhost.evil.example,DNS:xlocalhost', subject: '/CN=x' })],
  ['for any host', () => made.server('wildcard', { issuer: ca, names: 'DNS:*', subject: '/CN=*' })],
  ['expired', () => made.server('expired', { issuer: ca, from: '20200101000000Z', until: '20200102000000Z' })],
  ['not yet valid', () => made.server('early', { issuer: ca, from: '20480101000000Z', until: '20490101000000Z' })],
  ['for clients only', () => made.server('client', { issuer: ca, usage: 'clientAuth' })],
  ['by a certificate that is no CA', () => made.server('by-leaf', { issuer: made.server('no-ca', { issuer: ca }) })],
  ['its intermediate CA missing', () => made.server('by-hidden', { issuer: made.authority('hidden', ca) })],
  ['TLS 1.0 and 1.1 only', () => ({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })],
  ['TLS 1.1 only', () => ({ ...good, minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' })],
  ['without authentication (an anonymous cipher)', () => ({ ciphers: 'aNULL@SECLEVEL=0', maxVersion: 'TLSv1.2', dhparam: undefined })],
  ['with export-grade or no encryption', () => ({ ...good, ciphers: 'eNULL@SECLEVEL=0', maxVersion: 'TLSv1.2' })],
];
// A setting that some tool or library takes for "do not verify", or for "verify against this".
const temptations = () => ({
  CURL_CA_BUNDLE: '/dev/null', SSL_CERT_FILE: '/dev/null', SSL_CERT_DIR: '/nonexistent', REQUESTS_CA_BUNDLE: '', CURL_INSECURE: '1', CURLOPT_SSL_VERIFYPEER: '0',
  SSL_VERIFY: '0', SSL_NO_VERIFY: '1', GIT_SSL_NO_VERIFY: '1', PYTHONHTTPSVERIFY: '0', NODE_TLS_REJECT_UNAUTHORIZED: '0', THREADS_INSECURE: '1',
  THREADS_VERIFY: '0', THREADS_SSL_VERIFY: 'false', THREADS_SKIP_VERIFY: '1', CURL_SSL_BACKEND: 'none', OPENSSL_CONF: stage.path('openssl.cnf'), HOME: stage.path('home'), CURL_HOME: stage.path('home'),
});

describe('not one byte of the request is sent to a server whose certificate is', () => {
  before(() => {
    stage.folder('home');
    stage.write('home/.curlrc', 'insecure\nssl-no-revoke\n', 0o644);
    stage.write('openssl.cnf', 'openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMinProtocol = TLSv1\nCipherString = ALL@SECLEVEL=0\nVerifyMode = None\n', 0o644);
  });
  for (const [name, options] of impostors) {
    test(name, async () => {
      const server = await startTls(options());
      await assertRefused(server, await startProgramFor(server), name);
    });
    test(`${name}; with an environment that tempts to look away`, async () => {
      const server = await startTls(options());
      const it = await startProgramFor(server, { env: temptations(), settings: { ...temptations(), OPENSSL_CONF: undefined } });
      await assertRefused(server, it, name);
    });
  }

  test('self-signed, and no CA file is set', async () => {
    const server = await startTls(made.server('self-2', {}));
    await assertRefused(server, await startProgramFor(server, { settings: { THREADS_CA_FILE: undefined } }), 'no CA file');
  });
  test('good, but the CA file is of another CA', async () => {
    const server = await startTls(good);
    await assertRefused(server, await startProgramFor(server, { settings: { THREADS_CA_FILE: made.authority('third').file } }), 'another CA');
  });
  test('self-signed, in CGI mode', async () => {
    const server = await startTls(made.server('self-3', {}));
    const envFile = writeEnv(stage, { THREADS_API_URL: `https://localhost:${server.port}`, THREADS_CA_FILE: ca.file });
    for (const request of Object.values(asks)) assertContract(await runCgi(stage, { envFile }, request), 502);
    assertNothingSent(server, 'CGI');
  });
  test('changed between two requests: a resumed session does not get around it', async () => {
    const server = await startTls(good);
    const it = await startProgramFor(server);
    assert.equal((await send(it.address, asks.GET)).text, success);
    server.behind.server.setSecureContext(made.server('expired-2', { issuer: ca, from: '20200101000000Z', until: '20200102000000Z' }));
    server.behind.hangUp();
    await assertRefused(server, it, 'changed');
  });
});

test('the old-protocol server of these tests does speak to a client that allows it', async () => {
  const server = await startTls({ ...good, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' });
  const socket = tls.connect({ port: server.port, host: '127.0.0.1', servername: 'localhost', ca: ca.cert, minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' });
  await once(socket, 'secureConnect');
  assert.equal(socket.getProtocol(), 'TLSv1.1');
  socket.destroy();
});

describe('what speaks no TLS at the port', () => {
  const talks = [
    ['plain HTTP', (socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'), 502],
    ['a plain redirect', (socket) => socket.end('HTTP/1.1 301 X\r\nLocation: http://localhost/\r\n\r\n'), 502],
    ['garbage', (socket) => socket.end(Buffer.alloc(1000, 0xff)), 502],
    ['nothing, and hangs up', (socket) => socket.end(), 502],
    ['a reset', (socket) => socket.resetAndDestroy(), 502],
    ['a TLS alert', (socket) => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 40])), 502],
    ['half a record', (socket) => socket.end(Buffer.from([22, 3, 3, 0x40, 0, 2])), 502],
    ['nothing at all', () => {}, 504],
  ];
  for (const [name, say, status] of talks) {
    test(`${name}: ${status}, and it sees a ClientHello only`, async () => {
      const parts = [];
      const server = await listen(stage, (socket) => {
        socket.on('data', (part) => { parts.push(part); });
        socket.once('data', () => say(socket));
      });
      const it = await startProgramFor(server.address(), { settings: { THREADS_TIMEOUT: status === 504 ? '0.5' : '5' } });
      for (const request of Object.values(asks)) assertContract(await send(it.address, request), status);
      const raw = Buffer.concat(parts);
      assert.ok(raw.length > 100);
      assert.ok(records(raw).every(([type]) => type !== APPLICATION_DATA));
      assert.doesNotMatch(raw.toString('latin1'), /oauth|access_token|canary0/i);
    });
  }
});

test('there is no option and no setting that turns verification off', async () => {
  const program = stage.binary('threads-oauth.fcgi');
  const run = async (args) => { const it = stage.spawn(args[0], program, args); return { ...(await it.exited), text: it.out + it.err }; };
  const { text } = await run(['--help']);
  assert.doesNotMatch(text, /insecure|verif|no-check|skip|trust/i);
  for (const option of ['--insecure', '-k', '--no-verify', '--no-check-certificate', '--skip-verify', '--tls-verify=no', '--ca-file=/dev/null']) {
    assert.equal((await run([option])).code, 2, option);
  }
  // Plain http is for loopback alone: a name that looks like it is none.
  for (const url of ['http://graph.threads.net', 'http://127.0.0.1.evil.example', 'http://127.evil.example', 'http://localhost.evil.example', 'http://localhost@evil.example', 'http://evil.example#@127.0.0.1', 'http://evil.example?127.0.0.1',
    'http://evil.example/127.0.0.1', 'http://[::1].evil.example', 'http://[::1]evil.example', 'http://0.0.0.0', 'http://10.0.0.1', 'http://128.0.0.1', 'http://127.0.0.1\\@evil.example', 'HTTP://evil.example', 'ftp://127.0.0.1', 'file:///etc/passwd', '//127.0.0.1', 'https://user:pw@graph.threads.net', 'https://']) {
    const it = await run(['--check', '--env-file', writeEnv(stage, { THREADS_API_URL: url })]);
    assert.equal(it.code, 78, `${url}: ${it.text}`);
    assert.match(it.text, /THREADS_API_URL/);
  }
});

describe('the environment and the home folder do not send a secret elsewhere', () => {
  let wire;
  let proxy;
  let env;
  before(async () => {
    wire = await Wire.start(stage, (socket) => { socket.write(reply(200, success)); });
    proxy = await Wire.start(stage, (socket) => { socket.end(reply(200, success)); });
    stage.folder('home');
    for (const name of ['.netrc', '_netrc']) stage.write(`home/${name}`, `machine 127.0.0.1 login canary0 password canary0\nmachine localhost login canary0 password canary0\ndefault login canary0 password canary0\n`);
    stage.write('home/.curlrc', `proxy = ${proxy.url}\nnetrc\n`);
    const url = `http://canary0:canary0@127.0.0.1:${proxy.port}`;
    env = { HOME: stage.path('home'), NETRC: stage.path('home/.netrc') };
    for (const name of ['http_proxy', 'https_proxy', 'all_proxy', 'ftp_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']) env[name] = url;
  });
  const request = { ...asks.GET, headers: { ...asks.GET.headers, Proxy: 'http://127.0.0.1:1/' } };

  for (const [name, ask] of [
    ['as a server', async (envFile) => send((await startProgram(stage, { envFile, env })).address, request)],
    ['as a CGI process, which the caller\'s Proxy header reaches', (envFile) => runCgiWith(envFile)],
  ]) {
    test(`http to a loopback address goes there, not to a proxy, without a password, ${name}`, async () => {
      wire.requests = [];
      const answer = await ask(writeEnv(stage, { THREADS_API_URL: wire.url }));
      assert.equal(answer.text, success);
      assert.equal(proxy.connections, 0);
      assert.equal(wire.requests.length, 1);
      assert.doesNotMatch(wire.requests[0].head, /authorization|canary0:|Y2FuYXJ5/i);
    });
  }
  async function runCgiWith(envFile) {
    const spawn = stage.spawn.bind(stage);
    stage.spawn = (name, command, args, options) => spawn(name, command, args, { ...options, env: { ...env, ...options.env, HTTP_PROXY: 'http://127.0.0.1:1/' } });
    try {
      return await runCgi(stage, { envFile }, request);
    } finally {
      stage.spawn = spawn;
    }
  }

  test('https through a proxy: the proxy sees host and port, and TLS', async () => {
    const server = await startTls(good);
    let seen = Buffer.alloc(0);
    const tunnel = await listen(stage, (outside) => {
      outside.once('data', (first) => {
        const inside = net.connect(server.port, '127.0.0.1');
        inside.on('error', () => {});
        seen = Buffer.concat([seen, first]);
        outside.write('HTTP/1.1 200 OK\r\n\r\n');
        outside.on('data', (part) => { seen = Buffer.concat([seen, part]); });
        outside.pipe(inside).pipe(outside);
      });
    });
    const it = await startProgramFor(server, { env: { https_proxy: `http://127.0.0.1:${tunnel.address().port}` } });
    for (const ask of Object.values(asks)) assert.equal((await send(it.address, ask)).text, success);
    assert.match(seen.toString('latin1'), /^CONNECT localhost:\d+ HTTP\/1\.1\r\n/);
    assert.doesNotMatch(seen.toString('latin1'), /oauth\/access|access_token|grant_type/);
    assertNoCanary(seen.toString('latin1'), 'the proxy');
  });
});

test('a CA file that is none is refused at the start, or trusts nobody', async () => {
  for (const [name, file] of [['no file', '/nonexistent/ca.pem'], ['an empty file', stage.write('empty.pem', '', 0o644)], ['no PEM', stage.write('text.pem', 'hello\n', 0o644)], ['a folder', stage.path('home')]]) {
    const server = await startTls(good);
    const envFile = writeEnv(stage, { THREADS_API_URL: `https://localhost:${server.port}`, THREADS_CA_FILE: file });
    const check = stage.spawn('check', stage.binary('threads-oauth.fcgi'), ['--check', '--env-file', envFile]);
    if ((await check.exited).code === 78) {
      assert.match(check.err, /THREADS_CA_FILE/);
      continue;
    }
    const it = await startProgram(stage, { envFile });
    for (const ask of Object.values(asks)) assertContract(await send(it.address, ask), 502);
    assert.equal(server.behind.bytes.length, 0, name);
  }
});

test('nothing leaked', () => {
  assertNothingLeaked(stage);
  for (const [name, text] of stage.logs()) assert.ok(!text.includes(appSecret), name);
  assert.ok(fs.existsSync(ca.file));
});
