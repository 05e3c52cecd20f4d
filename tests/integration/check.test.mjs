// --check --online and the warnings of --check: what an operator learns before the first user does.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';
import * as canaries from '../lib/canaries.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { send } from '../lib/fastcgi.mjs';
import { Wire } from '../lib/hostile.mjs';
import { startNginx, startSandbox, startProgram, writeEnv } from '../lib/servers.mjs';
import { freePort, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const stage = new Stage();
let sandbox;
let upstream;
before(async () => {
  const port = await freePort();
  sandbox = `http://127.0.0.1:${port}`;
  const { address } = await startSandbox(stage, { envFile: writeEnv(stage, { THREADS_API_URL: sandbox, THREADS_CLIENT_SECRET: undefined }) });
  await startNginx(stage, { socket: stage.path('none.sock'), sandboxSocket: address.path, sandboxPort: port });
  upstream = await Upstream.start(stage);
});
after(() => stage.close());

async function check(settings, ...args) {
  const envFile = writeEnv(stage, { THREADS_API_URL: sandbox, THREADS_CLIENT_SECRET: undefined, ...settings });
  const it = stage.spawn('check', stage.binary('threads-oauth.fcgi'), ['--check', '--env-file', envFile, ...args]);
  const { code } = await it.exited;
  canaries.assertNoCanary(it.out + it.err, 'what it says');
  return { status: code, out: it.out, err: it.err, envFile };
}

describe('--check --online', () => {
  const good = /^THREADS_APP_ID and THREADS_APP_SECRET belong together\.$/m;

  test('an app ID and a secret that belong together', async () => {
    const { status, out, err } = await check({}, '--online');
    assert.deepEqual([status, err], [0, '']);
    assert.match(out, good);
    assert.doesNotMatch(out, /THREADS_CLIENT_SECRET belong/);
  });
  test('Threads on this machine: nothing to tell of address families', async () => {
    const { status, out, err } = await check({ THREADS_API_URL: sandbox.replace('127.0.0.1', 'localhost') }, '--online');
    assert.deepEqual([status, err], [0, '']);
    assert.match(out, good);
    assert.doesNotMatch(out, /reached/);
  });
  test('a wrong secret: what Threads says, and where the right one is', async () => {
    const { status, out, err } = await check({ THREADS_APP_SECRET: canaries.clientSecret }, '--online');
    assert.equal(status, 1);
    assert.doesNotMatch(out, good);
    assert.match(err, /^threads-oauth: THREADS_APP_ID and THREADS_APP_SECRET: Threads says ".*[Ss]ecret.*" .*Set THREADS_APP_SECRET to .* in the dashboard Use cases, Access the Threads API, Settings\.$/m);
  });
  test('a wrong app ID likewise', async () => {
    const { status, err } = await check({ THREADS_APP_ID: '77' }, '--online');
    assert.equal(status, 1);
    assert.match(err, /^threads-oauth: THREADS_APP_ID and .*Set THREADS_APP_ID to the Threads app ID: in the dashboard/m);
  });
  test('a second secret is asked about by itself', async () => {
    const { status, out, err } = await check({ THREADS_CLIENT_SECRET: canaries.clientSecret }, '--online');
    assert.equal(status, 1);
    assert.match(out, good);
    assert.match(err, /^threads-oauth: THREADS_APP_ID and THREADS_CLIENT_SECRET: Threads says/m);
  });
  test('it asks as Meta documents it, and keeps what it learns to itself', async () => {
    upstream.answers({ body: `{"access_token":"${canaries.token}","token_type":"bearer"}` });
    const { status } = await check({ THREADS_API_URL: upstream.url }, '--online');
    assert.equal(status, 0);
    assert.deepEqual(upstream.requests.map(({ method, path, query }) => [method, path, Object.fromEntries(new URLSearchParams(query))]), [
      ['GET', '/oauth/access_token', { client_id: canaries.appId, client_secret: canaries.appSecret, grant_type: 'client_credentials' }],
    ]);
  });

  test('no such name', async () => {
    const { status, err } = await check({ THREADS_API_URL: 'https://threads.invalid' }, '--online');
    assert.equal(status, 1);
    assert.match(err, /^threads-oauth: https:\/\/threads\.invalid: .*does not resolve.*DNS/m);
  });
  test('nobody listens: said once, though there are two secrets', async () => {
    const { status, err } = await check({ THREADS_API_URL: 'http://127.0.0.1:1', THREADS_CLIENT_SECRET: canaries.clientSecret }, '--online');
    assert.equal(status, 1);
    assert.equal(err.match(/connection failed.*firewall/g).length, 1);
  });
  test('a certificate that cannot be verified', async () => {
    const { key, cert } = new Certificates(stage).server('self-signed', {});
    const { port } = await Wire.start(stage, () => {}, { server: tls.createServer({ key, cert }) });
    const { status, err } = await check({ THREADS_API_URL: `https://127.0.0.1:${port}` }, '--online');
    assert.equal(status, 1);
    assert.match(err, /TLS could not be verified.*clock.*ca-certificates.*THREADS_CA_FILE/);
  });
  test('no answer in time', async () => {
    upstream.answers({ hang: true });
    const { status, err } = await check({ THREADS_API_URL: upstream.url, THREADS_TIMEOUT: '0.2' }, '--online');
    assert.equal(status, 1);
    assert.match(err, /did not answer in time.*THREADS_TIMEOUT/);
  });
  for (const [what, script] of Object.entries({
    'an error of the server\'s': { status: 500, body: '' },
    'a web page': { body: '<html>' },
    'a page that is not there': { status: 404, body: '<html>' },
    'nothing': { status: 401, body: '' },
    'a redirect': { status: 302, headers: { Location: 'https://login.example.com/' }, body: '' },
    'an object without a token': { body: '{"Hello":"World"}' },
    'a token that is none': { body: '{"access_token":null}' },
  })) {
    test(what, async () => {
      upstream.answers(script);
      const { status, err } = await check({ THREADS_API_URL: upstream.url }, '--online');
      assert.equal(status, 1);
      assert.match(err, new RegExp(`^threads-oauth: ${upstream.url}: Threads.*\\. If that is not Threads' API: look at THREADS_API_URL\\.$`, 'm'));
    });
  }
  test('the sandbox has nobody to ask: wrong usage', async () => {
    const it = stage.spawn('sandbox', stage.binary('threads-sandbox.fcgi'), ['--check', '--online', '--env-file', writeEnv(stage, { THREADS_API_URL: sandbox })]);
    assert.equal((await it.exited).code, 2);
    assert.match(it.err, /nothing that --online could ask/);
  });
  test('without --check it is wrong usage', async () => {
    const it = stage.spawn('online', stage.binary('threads-oauth.fcgi'), ['--online']);
    assert.equal((await it.exited).code, 2);
    assert.match(it.err, /--online goes with --check/);
  });
});

describe('--check warns', () => {
  test('of nothing when all is well', async () => {
    const { status, err } = await check({ THREADS_REDIRECT_URIS: 'https://login.example.com/auth/callback' });
    assert.deepEqual([status, err], [0, '']);
  });
  test('of two different secrets', async () => {
    const { status, err } = await check({ THREADS_CLIENT_SECRET: canaries.clientSecret });
    assert.equal(status, 0);
    assert.match(err, /^threads-oauth: warning: THREADS_CLIENT_SECRET is not THREADS_APP_SECRET/m);
  });
  test('of redirect URIs that Meta refuses', async () => {
    const uris = {
      'http://login.example.com/auth/callback': /https/,
      'https://localhost/auth/callback': /this machine/,
      'https://localhost./auth/callback': /this machine/,
      'http://127.0.0.1:8080/auth/callback': /this machine/,
      'https://203.0.113.7/auth/callback': /IP address/,
      'https://[2001:db8::7]/auth/callback': /IP address/,
      'https://login.example.com/auth/callback': null,
    };
    const { status, err } = await check({ THREADS_API_URL: 'https://graph.threads.net', THREADS_REDIRECT_URIS: Object.keys(uris).join(',') });
    assert.equal(status, 0);
    const lines = err.trimEnd().split('\n');
    assert.equal(lines.length, 6, err);
    for (const [uri, why] of Object.entries(uris)) {
      const line = lines.find((one) => one.startsWith(`threads-oauth: warning: THREADS_REDIRECT_URIS: Meta refuses ${uri}, `));
      if (why) assert.match(line, why); else assert.equal(line, undefined);
    }
  });
  test('of no redirect URI where the sandbox plays Threads', async () => {
    const { err } = await check({ THREADS_REDIRECT_URIS: 'http://localhost:8080/auth/callback' });
    assert.equal(err, '');
  });
  test('of a configuration file that everybody can read', async () => {
    const envFile = writeEnv(stage, { THREADS_API_URL: sandbox });
    for (const [mode, warned] of [[0o644, true], [0o604, true], [0o602, true], [0o640, false], [0o600, false]]) {
      fs.chmodSync(envFile, mode);
      const it = stage.spawn('check', stage.binary('threads-oauth.fcgi'), ['--check', '--env-file', envFile]);
      assert.equal((await it.exited).code, 0);
      assert.equal(/warning: everybody on this machine can read or change the secrets in .*: chmod o= /.test(it.err), warned, mode.toString(8));
      const program = await startProgram(stage, { envFile });
      program.child.kill('SIGTERM');
      await program.exited;
      assert.equal(/msg="everybody on this machine can read or change the secrets in .*: chmod o= /.test(program.err), warned, `serving, ${mode.toString(8)}`);
    }
  });
});

describe('a configuration that can be read only once', () => {
  let envFile;
  before(() => {
    envFile = writeEnv(stage, { THREADS_API_URL: sandbox, THREADS_CLIENT_SECRET: undefined });
  });
  // As an operator types it; "$0" is the program, "$1" the file.
  const shell = (line) => stage.spawn('shell', 'bash', ['-c', line, stage.binary('threads-oauth.fcgi'), envFile]);

  for (const [name, line] of [
    ['--check, from a process substitution', '"$0" --check --env-file <(cat "$1")'],
    ['--check, from a pipe', 'cat "$1" | "$0" --check --env-file /dev/stdin'],
    ['--check, by THREADS_ENV_FILE', 'cat "$1" | THREADS_ENV_FILE=/dev/stdin "$0" --check'],
    ['--check --online', '"$0" --check --online --env-file <(cat "$1")'],
  ]) {
    test(name, async () => {
      const it = shell(line);
      assert.deepEqual([(await it.exited).code, it.err], [0, '']);
      assert.match(it.out, new RegExp(`^THREADS_APP_ID=${canaries.appId}$`, 'm'));
    });
  }
  test('serving', async () => {
    const address = { path: stage.path('once.sock') };
    const it = shell(`exec "$0" --listen ${address.path} --env-file <(cat "$1")`);
    await stage.ready(it, address);
    assert.equal(JSON.parse((await send(address, { path: '/config' })).text).app_id, canaries.appId);
  });
});

describe('--check cannot write what it shows', () => {
  for (const args of ['--check', '--check --online']) {
    test(args, async () => {
      const it = stage.spawn('shell', 'sh', ['-c', `"$0" ${args} --env-file "$1" >/dev/full`, stage.binary('threads-oauth.fcgi'), writeEnv(stage, { THREADS_API_URL: sandbox, THREADS_CLIENT_SECRET: undefined })]);
      assert.equal((await it.exited).code, 1);
      assert.equal(it.err, 'threads-oauth: standard output cannot be written\n');
    });
  }
});
