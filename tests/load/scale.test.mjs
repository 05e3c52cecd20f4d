// One worker with many exchanges in flight, the limit to that, and a program that runs out of
// descriptors.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import * as fastcgi from '../lib/fastcgi.mjs';
import { startProgram } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { cpuMs, loadEnv, residentBytes } from './load.mjs';

const stage = new Stage();
let upstream;
let envFile;
before(async () => {
  upstream = await Upstream.start(stage);
  upstream.server.setMaxListeners(0);
  envFile = loadEnv(stage, upstream.url, { THREADS_TIMEOUT: '30' });
});
after(() => stage.close());

const me = { path: '/me', headers: { Authorization: 'Bearer t' } };
const several = (count, make) => Promise.all(Array.from({ length: count }, make));

// Makes the upstream hold every exchange; release() answers them all and those to come.
function hold() {
  let release;
  const gate = new Promise((resolve) => { release = resolve; });
  upstream.answers(async () => { await gate; return { body: '{"id":"1"}' }; });
  return release;
}

async function held(count) {
  while (upstream.requests.length < count) await once(upstream.server, 'asked');
}

function statuses(answers) {
  const counts = {};
  for (const answer of answers) counts[answer?.status ?? 'lost'] = (counts[answer?.status ?? 'lost'] ?? 0) + 1;
  return counts;
}

test('1,500 exchanges in flight on one worker', { timeout: 30_000 }, async (t) => {
  const count = 1500;
  const it = await startProgram(stage, { envFile });
  upstream.answers({ body: '{"id":"1"}' });
  await several(20, () => fastcgi.send(it.address, me));  // what is allocated but once
  const atRest = residentBytes(it.pid);

  const release = hold();
  const answers = several(count, () => fastcgi.send(it.address, me));
  await held(count);
  const each = (residentBytes(it.pid) - atRest) / count;
  const times = [];
  for (let i = 0; i < 50; i += 1) {
    const began = performance.now();
    assert.equal((await fastcgi.send(it.address, { path: '/config' })).status, 200);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  release();
  assert.deepEqual(statuses(await answers), { 200: count });
  t.diagnostic(`${(each / 1024).toFixed(1)} KB each; /config meanwhile: median ${times[25].toFixed(1)} ms, worst ${times[49].toFixed(1)} ms`);
  assert.ok(each < 25 * 1024, `${each.toFixed(0)} bytes each`);
  assert.ok(times[25] < 50, `/config took ${times[25]} ms`);
});

// libcurl would rather wait whether the first connection can be shared (CURLOPT_PIPEWAIT).
test('the very first exchange is slow: the others do not wait for it', { timeout: 10_000 }, async () => {
  const it = await startProgram(stage, { envFile });
  const release = hold();
  const answers = several(5, () => fastcgi.send(it.address, me));
  await held(5);
  release();
  assert.deepEqual(statuses(await answers), { 200: 5 });
});

test('2,000 idle kept connections', { timeout: 30_000 }, async (t) => {
  const count = 2000;
  const it = await startProgram(stage, { envFile });
  await several(20, () => fastcgi.send(it.address, { path: '/' }));
  const atRest = residentBytes(it.pid);
  const kept = await several(count, () => fastcgi.Connection.open(it.address));
  for (const connection of kept) assert.equal((await connection.request({ path: '/' }, { keep: true })).status, 200);
  const each = (residentBytes(it.pid) - atRest) / count;
  t.diagnostic(`${each.toFixed(0)} bytes each`);
  assert.ok(each < 5 * 1024, `${each.toFixed(0)} bytes each`);
  for (const connection of kept) connection.close();
});

for (const workers of [1, 2]) {
  test(`--max-in-flight 20, ${workers} worker(s): beyond it 503 at once, and room again afterwards`, { timeout: 20_000 }, async () => {
    const it = await startProgram(stage, { envFile, args: ['--max-in-flight', '20', '--workers', `${workers}`] });
    for (let round = 0; round < 2; round += 1) {
      const release = hold();
      const refused = [];
      // One after another until nobody has room: with two workers each has half of it.
      const taken = [];
      while (refused.length < 30) {
        const asked = held(upstream.requests.length + 1);
        const answer = fastcgi.send(it.address, me);
        const first = await Promise.race([answer, asked]);
        if (first) refused.push(first); else taken.push(answer);
      }
      for (const answer of refused) {
        assert.equal(answer.status, 503);
        assert.deepEqual(answer.all('retry-after'), ['1']);
        assert.equal(typeof JSON.parse(answer.text).detail, 'string');
      }
      assert.ok(taken.length >= 20 / workers && taken.length <= 20, `${taken.length} in flight`);
      assert.equal((await fastcgi.send(it.address, { path: '/config' })).status, 200, 'what needs no exchange');
      release();
      assert.deepEqual(statuses(await Promise.all(taken)), { 200: taken.length });
    }
  });
}

describe('64 descriptors', () => {
  let it;
  before(async () => {
    const address = { path: stage.path('few.sock') };
    it = stage.spawn('program', '/bin/sh', ['-c', 'ulimit -n 64; exec "$@"', 'sh',
      stage.binary('threads-oauth.fcgi'), '--listen', address.path, '--env-file', envFile]);
    it.address = address;
    await stage.ready(it, address);
  });

  test('the log says that they are few', () => it.said(/the descriptor limit is low/));

  test('150 callers at once: each is answered, with 503 or 502 where there is no room', { timeout: 20_000 }, async (t) => {
    const release = hold();
    const answers = several(150, () => fastcgi.send(it.address, me));
    await held(1);
    release();
    const counts = statuses(await answers);
    t.diagnostic(JSON.stringify(counts));
    assert.deepEqual(Object.keys(counts).filter((status) => !['200', '502', '503'].includes(status)), [], JSON.stringify(counts));
    assert.ok(counts[200] > 0);
  });

  test('all descriptors held by silent connections: the others wait, at no cost, and are served then', { timeout: 20_000 }, async () => {
    upstream.answers({ body: '{"id":"1"}' });
    const silent = await several(80, () => fastcgi.Connection.open(it.address));
    const answers = several(10, () => fastcgi.send(it.address, me));
    await it.said(/out of descriptors/);
    const [began, cpu] = [performance.now(), cpuMs(it.pid)];
    await new Promise((resolve) => setTimeout(resolve, 400));  // to see whether it spins
    const share = (cpuMs(it.pid) - cpu) / (performance.now() - began);
    assert.ok(share < 0.2, `it used ${(share * 100).toFixed(0)} % of a core`);
    for (const connection of silent) connection.close();
    assert.deepEqual(statuses(await answers), { 200: 10 });
  });

  test('afterwards as before', async () => {
    upstream.answers({ body: '{"id":"1"}' });
    for (let i = 0; i < 5; i += 1) assert.equal((await fastcgi.send(it.address, me)).status, 200);
    assert.equal((await several(10, () => fastcgi.send(it.address, me))).filter((answer) => answer.status !== 200).length, 0);
  });
});
