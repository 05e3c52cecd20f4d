// The one HTTP/2 connection to Threads goes silent while the way to Threads works: packets are lost, or the
// peer hangs and its kernel goes on acknowledging. It may cost the exchanges that were on it, and no others.
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { send } from '../lib/fastcgi.mjs';
import { pause, until } from '../lib/hostile.mjs';
import { enterNamespace, loseConnection } from '../lib/namespace.mjs';
import { Stage } from '../lib/stage.mjs';
import { Callers, me, succeed, Threads } from './rig.mjs';

const skip = enterNamespace();
const stage = new Stage();
after(() => stage.close());

const silences = [
  ['its packets are lost', (threads) => loseConnection(threads.connections[0].port, threads.port)],
  ['its peer hangs', (threads) => {
    const [silent] = threads.connections;
    threads.answer = (stream, connection) => { if (connection !== silent) succeed(stream); };
    return () => { threads.answer = succeed; };
  }],
];

for (const [what, silence] of silences) {
  describe(`the connection to Threads goes silent: ${what}`, { skip }, () => {
    test('callers who come one after the other: one of them fails at most', async () => {
      const threads = await Threads.start(stage, { host: 'localhost' });
      const { address } = await threads.program(stage, { THREADS_TIMEOUT: '2' });
      const callers = new Callers(address);
      assert.equal(await callers.call(), 200);
      const end = silence(threads);
      for (let i = 0; i < 5; i += 1) await callers.call();
      end();
      const failed = callers.exchanges.filter(({ status }) => status !== 200);
      assert.ok(failed.length <= 1, `${failed.length} of 5 failed`);
      assert.ok(threads.connections.length >= 2);
    });

    test('callers without a gap between them: only those who were on it fail', async () => {
      const threads = await Threads.start(stage, { host: 'localhost' });
      const { address } = await threads.program(stage, { THREADS_TIMEOUT: '2' });
      const callers = new Callers(address);
      assert.equal(await callers.call(), 200);
      const end = silence(threads);
      // There is an exchange under way at any time, and each of them lasts as long as the connection is silent.
      let over = false;
      const calls = [];
      const all = (async () => {
        while (!over) { calls.push(callers.call()); await pause(50); }
        await Promise.all(calls);
      })();
      await until(() => threads.connections.length >= 2, 'a fresh connection', 20_000);
      await until(() => threads.connections.slice(1).some(({ streams }) => streams >= 20), 'exchanges on it', 20_000);
      over = true;
      await all;
      end();
      callers.assertRecovered();
      assert.ok(threads.connections.length <= 8, `${threads.connections.length} connections`);
    });
  });
}

test('all connections go silent for some seconds: whoever comes afterwards is served, however long the timeout', { skip }, async () => {
  const threads = await Threads.start(stage, { host: 'localhost' });
  let silent = true;
  threads.answer = (stream, connection) => {
    connection.silent ??= silent;
    if (!connection.silent) succeed(stream);
  };
  const program = await threads.program(stage, { THREADS_TIMEOUT: '300' });
  const calls = [];
  const served = [];
  const call = async () => {
    calls.push(send(program.address, me).then((reply) => { if (reply) served.push(reply.status); }));
    await pause(250);
  };
  while (threads.connections.length < 9) await call();
  silent = false;
  await until(async () => { await call(); return served.length > 0; }, 'a caller that is served', 15_000);
  assert.equal(served[0], 200);
  assert.ok(threads.connections.length <= 12, `${threads.connections.length} connections`);
  program.child.kill('SIGKILL');  // it would wait for those that hang
  await Promise.allSettled(calls);
});

test('SIGHUP: the next exchange goes by a fresh connection', { skip }, async () => {
  const threads = await Threads.start(stage, { host: 'localhost' });
  const program = await threads.program(stage);
  const callers = new Callers(program.address);
  assert.equal(await callers.call(), 200);
  program.child.kill('SIGHUP');
  await program.said(/configuration read again/);
  assert.equal(await callers.call(), 200);
  assert.deepEqual(threads.connections.map(({ streams }) => streams), [1, 1]);
});

test('nothing leaked', { skip }, () => assertNothingLeaked(stage));
