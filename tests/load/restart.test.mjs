// Nothing is lost when the program is started anew, or reads its configuration again, under load, as
// long as somebody holds its listening socket; two processes on one socket share the load.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import * as fastcgi from '../lib/fastcgi.mjs';
import { startProgram } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { assertOnce, Callers, countCodes, cpuMs, listeningSocket, loadEnv, logFile, startHeld, startNginx } from './load.mjs';

const stage = new Stage();
let upstream;
let envFile;
before(async () => {
  upstream = await Upstream.start(stage);
  envFile = loadEnv(stage, upstream.url);
});
after(() => stage.close());

for (const tcp of [false, true]) {
  test(`five restarts among 2,000 logins, nginx with kept connections, ${tcp ? 'TCP' : 'unix socket'}`, async () => {
    const seen = countCodes(upstream);
    const held = await startHeld(stage, { envFile, tcp });
    const nginx = await startNginx(stage, [held.address]);
    const callers = new Callers(nginx.port, 24);
    for (let i = 0; i < 5; i += 1) {
      await callers.more(330);
      await held.restart();
    }
    await callers.more(350);
    await callers.stop();
    assert.deepEqual(callers.failed, []);
    assert.ok(callers.done >= 2000, `${callers.done} logins`);
    assert.equal(held.programs().length, 6);
    assert.equal(seen.size, callers.done);
    assertOnce(seen);
  });
}

test('a restart waits for what is in flight, and keeps nobody waiting at rest', async () => {
  const seen = countCodes(upstream, 300);
  const held = await startHeld(stage, { envFile });
  const nginx = await startNginx(stage, [held.address]);
  const callers = new Callers(nginx.port, 24);
  await callers.more(24);
  await held.restart();
  await callers.more(48);
  await callers.stop();
  assert.deepEqual(callers.failed, []);
  assertOnce(seen);
  const began = Date.now();
  await held.restart();  // nginx has kept connections to it now, all idle
  assert.ok(Date.now() - began < 400, `${Date.now() - began} ms`);
});

describe('a kept connection when the program is told to end', () => {
  const announcement = { type: fastcgi.STDERR, id: 7, content: Buffer.alloc(0) };

  test('idle: it is told, and a request that has just been sent is answered', async () => {
    const it = await startProgram(stage, { envFile });
    const connection = await fastcgi.Connection.open(it.address);
    assert.equal((await connection.request({ path: '/' }, { keep: true, id: 7 })).status, 200);
    it.child.kill('SIGTERM');
    assert.deepEqual(await connection.record(), announcement);
    assert.equal((await connection.request({ path: '/' }, { keep: true, id: 7 })).status, 200);
    assert.deepEqual(await connection.record(), announcement);
    assert.equal(await connection.record(), null);
    assert.deepEqual(await it.exited, { code: 0, signal: null });
  });
  test('busy: it is told behind the answer', async () => {
    const it = await startProgram(stage, { envFile });
    let release;
    const gate = new Promise((resolve) => { release = resolve; });
    upstream.answers(async () => { await gate; return { body: '{}' }; });
    const connection = await fastcgi.Connection.open(it.address);
    const answer = connection.request({ path: '/me', headers: { Authorization: 'Bearer t' } }, { keep: true, id: 7 });
    await upstream.asked();
    it.child.kill('SIGTERM');
    release();
    assert.equal((await answer).status, 200);
    assert.deepEqual(await connection.record(), announcement);
    assert.equal(await connection.record(), null);
    assert.deepEqual(await it.exited, { code: 0, signal: null });
  });
});

test('SIGHUP under load loses nothing, and what is new holds at once', async () => {
  const seen = countCodes(upstream, 5);
  const it = await startProgram(stage, { envFile: loadEnv(stage, upstream.url), args: ['--workers', '2'] });
  const file = it.args[it.args.indexOf('--env-file') + 1];
  const settings = fs.readFileSync(file, 'utf8');
  const nginx = await startNginx(stage, [it.address]);
  const callers = new Callers(nginx.port, 24);
  for (let i = 1; i <= 5; i += 1) {
    await callers.more(100);
    fs.writeFileSync(file, `${settings}THREADS_SCOPE=threads_basic,round${i}\n`);
    it.child.kill('SIGHUP');
    await it.said(new RegExp(`(configuration read again[^]*){${i}}`));
    // Each worker takes it over before it takes the next request.
    for (let j = 0; j < 4; j += 1) {
      assert.equal(JSON.parse((await fastcgi.send(it.address, { path: '/config' })).text).scope, `threads_basic,round${i}`);
    }
  }
  await callers.more(100);
  await callers.stop();
  assert.deepEqual(callers.failed, []);
  assert.equal(seen.size, callers.done);
  assertOnce(seen);
});

test('SIGHUP: the next exchange bears the new secret', async () => {
  const secrets = new Set();
  upstream.answers((request) => {
    secrets.add(new URLSearchParams(request.body).get('client_secret'));
    return { body: '{"access_token":"t"}' };
  });
  const it = await startProgram(stage, { envFile: loadEnv(stage, upstream.url, { THREADS_APP_SECRET: 'old' }) });
  const file = it.args[it.args.indexOf('--env-file') + 1];
  const login = { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: '{"code":"c","redirect_uri":"r"}' };
  await fastcgi.send(it.address, login);
  fs.writeFileSync(file, fs.readFileSync(file, 'utf8').replace('THREADS_APP_SECRET=old', 'THREADS_APP_SECRET=new'));
  it.child.kill('SIGHUP');
  await it.said(/configuration read again/);
  secrets.clear();
  await fastcgi.send(it.address, login);
  assert.deepEqual([...secrets], ['new']);
});

test('multiwatch: two processes on one socket share the load', async () => {
  const seen = countCodes(upstream);
  const socket = await listeningSocket(stage);
  const it = stage.spawn('multiwatch', 'multiwatch', ['-f', '2', '-s', 'TERM', '--', stage.binary('threads-oauth.fcgi'), '--env-file', envFile],
    { stdio: [socket.fd, 'pipe', logFile(stage, 'multiwatch')] });
  socket.close();
  await fastcgi.send(socket.address, { path: '/' });
  const nginx = await startNginx(stage, [socket.address]);
  const children = fs.readFileSync(`/proc/${it.pid}/task/${it.pid}/children`, 'utf8').trim().split(' ').map(Number);
  assert.equal(children.length, 2);
  const before = children.map(cpuMs);
  const callers = new Callers(nginx.port, 24);
  await callers.more(1500);
  await callers.stop();
  assert.deepEqual(callers.failed, []);
  assertOnce(seen);
  const spent = children.map((pid, i) => cpuMs(pid) - before[i]);
  const least = Math.min(...spent) / (spent[0] + spent[1]);
  assert.ok(least > 0.1, `the CPU time of the two: ${spent.map((ms) => ms.toFixed(0))} ms`);
});
