// The sandbox as a rehearsal, through nginx and the program: time that passes, an API that is late,
// fails or breaks off, and its refusal to start beside real credentials.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fastcgi from '../lib/fastcgi.mjs';
import { send } from '../lib/http.mjs';
import { startSandbox, writeEnv } from '../lib/servers.mjs';
import { rig } from './rig.mjs';

const it = rig();

const me = (token) => send(it.port, { path: '/me', headers: { Authorization: `Bearer ${token}` } });
const token = async () => it.stored(await it.loggedIn()).access_token;

for (const [name, settings] of [
  ['the real API', { THREADS_API_URL: 'https://graph.threads.net' }],
  ['the default', {}],
  ['another host', { THREADS_API_URL: 'https://localhost.example.com' }],
]) {
  for (const check of [[], ['--check']]) {
    test(`refuses to start beside real credentials: ${name} ${check}`, async () => {
      const run = it.stage.spawn('sandbox', it.stage.binary('threads-sandbox.fcgi'),
        ['--listen', it.stage.path('no.sock'), '--env-file', writeEnv(it.stage, settings), ...check]);
      const { code } = await run.exited;
      assert.equal(code, 78);
      assert.equal(run.err, 'threads-sandbox: THREADS_API_URL is no loopback address, so these credentials are for the '
        + 'real Threads: the sandbox does not start beside them.\n');
      assert.equal(run.out, '');
    });
  }
}

test('its page leads to the clock and the modes, by hand and by curl', async () => {
  const page = await send(it.sandboxPort, { path: '/sandbox' });
  assert.equal(page.status, 200);
  assert.match(page.get('Content-Security-Policy'), /^default-src 'none'/);
  const moved = await send(it.sandboxPort, {
    method: 'POST', path: '/sandbox/clock', headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: 'pass=59d' });
  assert.deepEqual([moved.status, moved.get('Location')], [302, '/sandbox']);
  assert.match((await send(it.sandboxPort, { path: '/sandbox' })).text, /<b>59 days<\/b> passed/);
  await it.sandbox('clock', 'pass=none');
});

test('late: the program gives up, nobody else waits, and the sandbox ends in time', async () => {
  const good = await token();
  await it.mode('slow', async () => {
    const began = performance.now();
    const late = [1, 2, 3].map(() => me(good));
    const window_ = await send(it.sandboxPort, { path: '/sandbox' });
    assert.equal(window_.status, 200);
    assert.ok(performance.now() - began < 400, 'the page was there at once');
    for (const answer of await Promise.all(late)) assert.equal(answer.status, 504);
    const direct = await send(it.sandboxPort, { path: '/v1.0/me', query: `access_token=${good}` });
    assert.deepEqual([direct.status, direct.get('Content-Type'), JSON.parse(direct.text)], [200, 'application/json', { id: '17841405793187219' }]);
    assert.ok(performance.now() - began > 1900, 'it was late');
    const refused = await send(it.sandboxPort, { path: '/v1.0/me', query: 'access_token=x' });
    assert.equal(refused.status, 400);
  });
  assert.equal((await me(good)).status, 200);
});

test('late more often than a port without answers has room for', async () => {
  const good = await token();
  await it.mode('slow', async () => {
    const answers = await Promise.all(Array.from({ length: 12 }, () => send(it.sandboxPort, { path: '/v1.0/me', query: `access_token=${good}` })));
    for (const answer of answers) assert.equal(answer.status, 200);
  });
});

test('failing: 502, and nothing was done or half of it was seen', async () => {
  const good = await token();
  for (const mode of ['error', 'broken']) {
    const answer = await it.mode(mode, () => me(good));
    assert.equal(answer.status, 502);
    assert.ok(JSON.parse(answer.text).detail);
  }
  assert.equal((await me(good)).status, 200);
});

test('a stop waits for the late answers and not for more', async () => {
  const envFile = writeEnv(it.stage, { THREADS_API_URL: 'http://127.0.0.1:1', THREADS_TIMEOUT: '0.2' });
  const sandbox = await startSandbox(it.stage, { envFile });
  const type = 'application/x-www-form-urlencoded';
  const slow = await fastcgi.send(sandbox.address, { method: 'POST', path: '/sandbox/mode', headers: { 'Content-Type': type }, body: 'mode=slow' });
  assert.equal(slow.status, 302);
  const late = fastcgi.send(sandbox.address, { path: '/v1.0/me', query: 'access_token=x' });
  await new Promise((resolve) => { setTimeout(resolve, 300); });
  const began = performance.now();
  sandbox.child.kill('SIGTERM');
  assert.equal((await late).status, 400);
  assert.equal((await sandbox.exited).code, 0);
  assert.ok(performance.now() - began < 3000);
});
