// The program as a process: options, exit codes, the socket it makes, signals, inherited sockets,
// kept FastCGI connections, and what it writes to its log.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { appSecret, assertNoCanary, assertNothingLeaked, code, token } from '../lib/canaries.mjs';
import { Connection, cgiParams, encodeRequest, record, send, BEGIN, GET_VALUES } from '../lib/fastcgi.mjs';
import { runCgi, startProgram, writeEnv } from '../lib/servers.mjs';
import { connect, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const stage = new Stage();
const program = stage.binary('threads-oauth.fcgi');
let upstream;
let envFile;
before(async () => {
  upstream = await Upstream.start(stage);
  envFile = writeEnv(stage, { THREADS_API_URL: upstream.url });
});
after(() => stage.close());

const run = async (args, options) => {
  const it = stage.spawn(args.join(' '), program, args, options);
  const { code: status } = await it.exited;
  return { status, out: it.out, err: it.err };
};
const me = { path: '/me', headers: { Authorization: `Bearer ${token}` } };

describe('options', () => {
  test('--help', async () => {
    const { status, out, err } = await run(['--help']);
    assert.deepEqual([status, err], [0, '']);
    for (const option of ['--listen', '--socket-mode', '--env-file', '--workers', '--check', '--version']) assert.ok(out.includes(option), option);
  });
  test('--version', async () => {
    const { status, out } = await run(['--version']);
    assert.equal(status, 0);
    assert.match(out, /^threads-oauth\S* \d+\.\d+\.\d+\n$/);
  });
  test('--check masks the secrets', async () => {
    const { status, out, err } = await run(['--check', '--env-file', envFile]);
    assert.equal(status, 0, err);
    for (const name of ['THREADS_APP_ID', 'THREADS_APP_SECRET', 'THREADS_CLIENT_SECRET', 'THREADS_API_URL', 'THREADS_TIMEOUT']) assert.ok(out.includes(name), name);
    assertNoCanary(out + err, '--check');
  });
  test('nothing to do: the usage on stderr, exit 2', async () => {
    const { status, out, err } = await run([]);
    assert.deepEqual([status, out], [2, '']);
    assert.match(err, /Usage/i);
  });
  for (const args of [['--nonsense'], ['--listen'], ['--listen', 'x.sock', '--workers', '0'], ['--listen', 'x.sock', '--workers', 'x'], ['--listen', 'x.sock', '--socket-mode', '9'], ['stray']]) {
    test(`${args.join(' ')}: exit 2`, async () => assert.equal((await run([...args, '--env-file', envFile])).status, 2));
  }
});

describe('wrong configuration: one line that names the variable, exit 78', () => {
  const cases = [
    ['THREADS_APP_ID', { THREADS_APP_ID: undefined }],
    ['THREADS_APP_ID', { THREADS_APP_ID: 'my-app' }],
    ['THREADS_APP_ID has U\\+3000 \\(ideographic space\\)', { THREADS_APP_ID: '1122334455667788\u3000' }],
    ['THREADS_APP_SECRET has U\\+00A0 \\(no-break space\\)', { THREADS_APP_SECRET: `${appSecret}\u00a0` }],
    ['META_APP_SECRET has U\\+0020 \\(space\\)', { META_APP_SECRET: `${appSecret} ${appSecret}` }],
    ['THREADS_API_URL has U\\+201C', { THREADS_API_URL: '\u201chttps://graph.threads.net\u201d' }],
    ['THREADS_SCOPE has U\\+007F \\(delete\\)', { THREADS_SCOPE: 'threads_basic\x7f' }],
    ['THREADS_APP_SECRET', { THREADS_APP_SECRET: '' }],
    ['THREADS_API_URL', { THREADS_API_URL: 'http://graph.threads.net' }],
    ['THREADS_API_URL', { THREADS_API_URL: 'nonsense' }],
    ['THREADS_TIMEOUT', { THREADS_TIMEOUT: 'soon' }],
    ['THREADS_TIMEOUT', { THREADS_TIMEOUT: '0' }],
    ['THREADS_CA_FILE', { THREADS_CA_FILE: '/nonexistent/ca.pem' }],
  ];
  for (const [name, settings] of cases) {
    test(`${name}: ${JSON.stringify(settings)}`, async () => {
      for (const args of [['--check'], ['--listen', stage.path('bad.sock')]]) {
        const { status, err } = await run([...args, '--env-file', writeEnv(stage, settings)]);
        assert.equal(status, 78, err);
        assert.match(err, new RegExp(`^[^\\n]*${name}[^\\n]*\\n$`));
        assertNoCanary(err, 'the complaint');
      }
    });
  }
  test('a bad line in the file, by its number and without its text', async () => {
    const file = stage.write('bad-line.env', `THREADS_APP_ID=1\n# fine\n${appSecret} oops\n`);
    const { status, err } = await run(['--check', '--env-file', file]);
    assert.equal(status, 78);
    assert.match(err, /line 3/);
    assertNoCanary(err, 'the complaint');
  });
  test('a file that is not there', async () => assert.equal((await run(['--check', '--env-file', stage.path('nothing')])).status, 78));
  test('under CGI: a 500 with detail', async () => {
    const answer = await runCgi(stage, { envFile: writeEnv(stage, { THREADS_APP_ID: undefined }) }, { path: '/' });
    assert.deepEqual([answer.status, answer.code], [500, 78]);
    assert.equal(typeof JSON.parse(answer.text).detail, 'string');
  });
});

test('CGI: a query that became arguments is not obeyed', async () => {
  const it = stage.spawn('cgi', program, ['--version'], { env: { ...cgiParams({ path: '/' }), THREADS_ENV_FILE: envFile } });
  await it.exited;
  assert.match(it.out, /\{"Hello":"World"\}$/);
});

test('CGI: a body shorter than its length is a 400, and Threads is not asked', async () => {
  upstream.answers({ body: '{}' });
  const request = { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json', 'Content-Length': '500' }, body: JSON.stringify({ code, redirect_uri: 'r' }) };
  const it = await runCgi(stage, { envFile }, { ...request });
  assert.equal(it.status, 400);
  assert.equal(upstream.requests.length, 0);
});

describe('the socket', () => {
  const file = stage.path('mode.sock');
  test('has mode 0660, whatever the umask, and goes with the program', async () => {
    const it = stage.spawn('program', '/bin/sh', ['-c', 'umask 077; exec "$@"', 'sh', program, '--listen', file, '--env-file', envFile]);
    await stage.ready(it, { path: file });
    assert.equal(fs.statSync(file).mode & 0o777, 0o660);
    it.child.kill('SIGTERM');
    assert.deepEqual(await it.exited, { code: 0, signal: null });
    assert.ok(!fs.existsSync(file));
  });
  test('--socket-mode', async () => {
    const it = await startProgram(stage, { envFile, args: ['--socket-mode', '0600'] });
    assert.equal(fs.statSync(it.address.path).mode & 0o777, 0o600);
  });
  test('a living one is not taken over', async () => {
    const first = await startProgram(stage, { envFile });
    const { status, err } = await run(['--listen', first.address.path, '--env-file', envFile]);
    assert.ok(status !== 0 && err.includes(first.address.path), err);
    assert.equal((await send(first.address, { path: '/' })).status, 200);
  });
  test('a dead one is replaced', async () => {
    const first = await startProgram(stage, { envFile });
    first.child.kill('SIGKILL');
    await first.exited;
    assert.ok(fs.existsSync(first.address.path));
    const second = stage.spawn('program', program, ['--listen', first.address.path, '--env-file', envFile]);
    await stage.ready(second, first.address);
    assert.equal((await send(first.address, { path: '/' })).status, 200);
  });
  test('a plain file is left alone', async () => {
    const plain = stage.write('plain', 'dear data');
    const { status, err } = await run(['--listen', plain, '--env-file', envFile]);
    assert.ok(status !== 0 && err.includes(plain), err);
    assert.equal(fs.readFileSync(plain, 'utf8'), 'dear data');
  });
  test('systemd hands one over (LISTEN_FDS)', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    // LISTEN_PID must be the program's own pid: the shell sets it and becomes the program.
    const it = stage.spawn('program', '/bin/sh', ['-c', 'LISTEN_PID=$$ exec "$@"', 'sh', program, '--env-file', envFile],
      { stdio: ['ignore', 'pipe', 'pipe', server._handle.fd], env: { LISTEN_FDS: '1' } });
    try {
      await stage.ready(it, { host: '127.0.0.1', port });
      server.close();
      assert.equal((await send({ host: '127.0.0.1', port }, { path: '/' })).status, 200);
    } finally {
      server.close();
    }
  });
});

for (const workers of ['1', '2']) {
  describe(`signals, ${workers} worker(s)`, () => {
    for (const signal of ['SIGTERM', 'SIGINT']) {
      test(`${signal} lets what is in flight finish`, async () => {
        const it = await startProgram(stage, { envFile, args: ['--workers', workers] });
        let release;
        const gate = new Promise((resolve) => { release = resolve; });
        upstream.answers(async () => { await gate; return { body: '{"late":1}' }; });
        const answer = send(it.address, me);
        await upstream.asked();
        it.child.kill(signal);
        await refusesConnections(it.address);
        release();
        assert.equal((await answer).text, '{"late":1}');
        assert.deepEqual(await it.exited, { code: 0, signal: null });
      });
    }
    test('SIGTERM at rest, with a kept connection open', async () => {
      const it = await startProgram(stage, { envFile, args: ['--workers', workers] });
      const kept = await Connection.open(it.address);
      assert.equal((await kept.request({ path: '/' }, { keep: true })).status, 200);
      const began = Date.now();
      it.child.kill('SIGTERM');
      assert.deepEqual(await it.exited, { code: 0, signal: null });
      assert.ok(Date.now() - began < 1000);
    });
    test('SIGHUP reads the file again; a bad one keeps the old', async () => {
      const file = writeEnv(stage, { THREADS_API_URL: upstream.url });
      const it = await startProgram(stage, { envFile: file, args: ['--workers', workers] });
      const scope = async () => JSON.parse((await send(it.address, { path: '/config' })).text).scope;
      const settings = fs.readFileSync(file, 'utf8');
      fs.writeFileSync(file, `${settings}THREADS_SCOPE=threads_basic\n`);
      it.child.kill('SIGHUP');
      await it.said(/configuration read again/);
      assert.equal(await scope(), 'threads_basic');
      fs.writeFileSync(file, `${settings}THREADS_SCOPE=x\nTHREADS_API_URL=ftp://x\n`);
      it.child.kill('SIGHUP');
      await it.said(/THREADS_API_URL/);
      assert.equal(await scope(), 'threads_basic');
      assert.equal(it.over, undefined);
    });
  });
}

async function refusesConnections(address) {
  for (;;) {
    try {
      (await connect(address)).destroy();
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));  // what a listener stops has no event here
  }
}

describe('FastCGI connections', () => {
  let it;
  before(async () => { it = await startProgram(stage, { envFile }); });

  test('a kept one serves many requests', async () => {
    const connection = await Connection.open(it.address);
    upstream.answers({ body: '{"a":1}' });
    for (let i = 1; i <= 20; i += 1) assert.equal((await connection.request(me, { keep: true, id: i })).text, '{"a":1}');
    assert.equal((await connection.request({ path: '/' })).status, 200);
    assert.equal(await connection.record(), null, 'closed after a request without the keep flag');
  });
  test('a request that comes byte by byte', async () => {
    const connection = await Connection.open(it.address);
    connection.socket.setNoDelay?.(true);
    for (const byte of encodeRequest({ params: cgiParams({ path: '/' }) })) connection.write(Buffer.from([byte]));
    assert.equal((await connection.answer()).text, '{"Hello":"World"}');
  });
  test('params and body in records of 7 bytes', async () => {
    upstream.answers({ body: '{}' });
    const connection = await Connection.open(it.address);
    const request = { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, redirect_uri: 'r' }) };
    connection.write(encodeRequest({ params: cgiParams(request), body: request.body, chunk: 7 }));
    assert.equal((await connection.answer()).status, 200);
  });
  const hostile = {
    'not FastCGI': Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    'another version': Buffer.from([2, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    'an AUTHORIZER': record(BEGIN, 1, Buffer.from([0, 2, 0, 0, 0, 0, 0, 0])),
    'params before anything': record(4, 1, Buffer.from('x')),
  };
  for (const [name, bytes] of Object.entries(hostile)) {
    test(`${name}: closed, and the next is served`, async () => {
      const connection = await Connection.open(it.address);
      connection.write(bytes);
      while (await connection.record()) { /* whatever it says, it must close */ }
      assert.equal((await send(it.address, { path: '/' })).status, 200);
    });
  }
  test('a management record does no harm', async () => {
    const connection = await Connection.open(it.address);
    connection.write(record(GET_VALUES, 0));
    assert.equal((await send(it.address, { path: '/' })).status, 200);
    connection.close();
  });
  test('60 silent and half-sent connections delay nobody', async () => {
    const half = encodeRequest({ params: cgiParams(me) }).subarray(0, 40);
    const idle = await Promise.all(Array.from({ length: 60 }, async (_, i) => {
      const connection = await Connection.open(it.address);
      if (i % 2) connection.write(half);
      return connection;
    }));
    const began = Date.now();
    assert.equal((await send(it.address, { path: '/' })).status, 200);
    assert.ok(Date.now() - began < 1000);
    for (const connection of idle) connection.close();
  });
  test('callers that leave in the middle of an exchange', async () => {
    upstream.answers({ hang: true });
    for (let i = 0; i < 20; i += 1) {
      const connection = await Connection.open(it.address);
      connection.write(encodeRequest({ params: cgiParams(me) }));
      if (i === 0) await upstream.asked();
      connection.close();
    }
    upstream.answers({ body: '{}' });
    assert.equal((await send(it.address, me)).status, 200);
  });
  test('a body of 60 KB is refused at once, however little of it can be sent', async () => {
    const request = { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: ' '.repeat(60_000) };
    const all = encodeRequest({ params: cgiParams(request), body: request.body, chunk: 8000 });
    const connection = await Connection.open(it.address);
    const began = Date.now();
    connection.write(all.subarray(0, 30_000));  // as if the socket's buffer were full
    assert.equal((await connection.answer()).status, 413);
    assert.ok(Date.now() - began < 1000);
    connection.close();
  });
});

test('redirect URIs: others than those in THREADS_REDIRECT_URIS are refused before Threads is asked', async () => {
  const it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url, THREADS_REDIRECT_URIS: 'https://a.example/cb, https://b.example/cb' }) });
  const login = (redirect_uri) => send(it.address, { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, redirect_uri }) });
  upstream.answers({ body: '{}' });
  for (const uri of ['https://a.example/cb/', 'https://a.example/c', '', 'https://A.example/cb']) assert.equal((await login(uri)).status, 400, uri);
  assert.equal(upstream.requests.length, 0);
  for (const uri of ['https://a.example/cb', 'https://b.example/cb']) assert.equal((await login(uri)).status, 200, uri);
});

test('nobody listens at THREADS_API_URL: 502', async () => {
  const it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: 'http://127.0.0.1:1' }) });
  const answer = await send(it.address, me);
  assert.equal(answer.status, 502);
  assertNoCanary(answer.text, 'the 502');
});

test('too many in flight: 503 with Retry-After', async () => {
  const it = await startProgram(stage, { envFile, args: ['--max-in-flight', '1'] });
  upstream.answers({ hang: true });
  const first = await Connection.open(it.address);
  first.write(encodeRequest({ params: cgiParams(me) }));
  await upstream.asked();
  const answer = await send(it.address, me);
  assert.equal(answer.status, 503);
  assert.ok(Number(answer.get('retry-after')) > 0);
  first.close();
});

test('the log: one line per request, no query', async () => {
  const it = await startProgram(stage, { envFile });
  upstream.answers({ body: '{}' });
  await send(it.address, { path: '/me', query: `access_token=${token}` });
  await it.said(/path=\/me /);
  const lines = it.err.trim().split('\n').filter((line) => line.includes('path=/me'));
  assert.equal(lines.length, 1);
  assert.match(lines[0], /^time=\S+Z id=[0-9a-f]{16} method=GET path=\/me status=200 upstream=200 ms=[\d.]+$/);
});

test('no core file, and its memory and environment are closed to its own user', { skip: process.getuid() === 0 ? false : 'needs root' }, async () => {
  const it = await startProgram(stage, { envFile });
  assert.match(fs.readFileSync(`/proc/${it.pid}/limits`, 'utf8'), /Max core file size +0 +0 /);
  const peep = stage.spawn('peep', 'cat', [`/proc/${it.pid}/environ`]);
  assert.notEqual((await peep.exited).code, 0, 'not dumpable, so another process of the user cannot read it');
});

test('nothing leaked', () => {
  assertNothingLeaked(stage);
});
