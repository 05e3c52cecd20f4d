// A TLS handshake with Threads that hangs: the peer accepts and says nothing. It costs its own exchange,
// and those who come meanwhile go by another connection.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { send } from '../lib/fastcgi.mjs';
import { pause, timed, until } from '../lib/hostile.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { me, Threads } from './rig.mjs';

const stage = new Stage();
after(() => stage.close());

// In front of Threads: holds connections while `silent`, else passes their bytes on.
async function startGate(threads) {
  const gate = { held: 0, passed: 0, silent: true };
  const sockets = new Set();
  const server = net.createServer((outside) => {
    sockets.add(outside);
    outside.on('error', () => {});
    if (gate.silent) {
      gate.held += 1;
      return;
    }
    gate.passed += 1;
    const inside = net.connect(threads.port, '127.0.0.1');
    sockets.add(inside);
    inside.on('error', () => outside.destroy());
    outside.on('close', () => inside.destroy());
    outside.pipe(inside).pipe(outside);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.closers.push(() => { server.close(); for (const socket of sockets) socket.destroy(); });
  gate.port = server.address().port;
  return gate;
}

async function start(timeout) {
  const threads = await Threads.start(stage, { host: 'localhost' });
  const gate = await startGate(threads);
  const envFile = writeEnv(stage, { THREADS_API_URL: `https://localhost:${gate.port}`, THREADS_CA_FILE: threads.ca, THREADS_TIMEOUT: timeout });
  return { gate, threads, program: await startProgram(stage, { envFile }) };
}

describe('a handshake that hangs', () => {
  test('it is given up before the exchange\'s timeout: 504', async () => {
    const { program } = await start('30');
    const [{ status }, ms] = await timed(() => send(program.address, me));
    assert.equal(status, 504);
    assert.ok(ms < 15_000, `${ms} ms`);
  });

  test('nobody waits beyond the timeout, not even for a connection', async () => {
    const timeout = 4;
    const { gate, program } = await start(`${timeout}`);
    const calls = await Promise.all(Array.from({ length: 20 }, () => timed(() => send(program.address, me))));
    assert.deepEqual([...new Set(calls.map(([{ status }]) => status))], [504]);
    assert.ok(gate.held < 20, 'some had to wait until another one\'s connection was given up');
    // The second try to connect lasts until 6 s.
    const slowest = Math.max(...calls.map(([, ms]) => ms));
    assert.ok(slowest < 5_500, `${slowest} ms`);
  });

  test('who comes right behind it does not wait for it', async () => {
    const { gate, program } = await start('30');
    let hung = true;
    const first = send(program.address, me).then((reply) => { hung = false; return reply; });
    await until(() => gate.held === 1, 'the handshake');
    gate.silent = false;
    const { status } = await send(program.address, me);
    assert.equal(status, 200);
    assert.ok(hung, 'the second caller had to wait for the first one');
    assert.equal((await first).status, 504);
  });

  test('nor who comes when many hang', async () => {
    const { gate, program } = await start('30');
    const given = [];
    const first = Array.from({ length: 100 }, () => send(program.address, me).then(({ status }) => given.push(status)));
    // All of them are under way, and so are the connections that they are allowed.
    await until(async () => /exchanges_in_flight 100$/m.test((await send(program.address, { path: '/metrics' })).text), '100 exchanges');
    let held;
    do {
      held = gate.held;
      await pause(100);
    } while (gate.held > held || held === 0);
    const lateOnes = [];
    gate.silent = false;
    while (gate.passed === 0) {
      lateOnes.push(send(program.address, me));
      await pause(50);
    }
    assert.ok(!given.includes(504), 'a fresh connection was made only when others had been given up');
    assert.equal((await lateOnes.at(-1)).status, 200);
    await Promise.all(first);
    assert.ok(given.every((status) => status === 504 || status === 200), given.join());
    assert.ok(gate.held <= 20, `${gate.held} connections were tried`);
  });
});

test('nothing leaked', () => assertNothingLeaked(stage));
