// Name servers that do not answer. They may cost the exchanges that need a name, in time, and nobody else;
// and a name that was found before is used again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { send } from '../lib/fastcgi.mjs';
import { pause, timed } from '../lib/hostile.mjs';
import { enterNamespace, NameServer } from '../lib/namespace.mjs';
import { runCgi, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { me, Threads } from './rig.mjs';

const skip = enterNamespace();
const stage = new Stage();
after(() => stage.close());
const timeout = 2_000;  // THREADS_TIMEOUT of the programs here

let names;
before(async () => { if (!skip) names = await NameServer.start(stage); });

const threadsOf = (program) => fs.readdirSync(`/proc/${program.pid}/task`).length;

describe('name servers that do not answer', { skip }, () => {
  test('400 callers get 504 at the timeout, /healthz answers meanwhile, threads are few, SIGTERM ends it', async () => {
    names.address = null;
    const threads = await Threads.start(stage);
    const program = await threads.program(stage, { THREADS_TIMEOUT: `${timeout / 1000}` });
    let over = false;
    let busiest = 0;
    let slowest = 0;
    const watch = (async () => {
      while (!over) {
        busiest = Math.max(busiest, threadsOf(program));
        const [health, ms] = await timed(() => send(program.address, { path: '/healthz' }));
        assert.equal(health.status, 200);
        slowest = Math.max(slowest, ms);
        await pause(10);
      }
    })();
    const calls = [];
    for (let i = 0; i < 400; i += 1) {
      calls.push(timed(() => send(program.address, me)));
      await pause(5);
    }
    const replies = await Promise.all(calls);
    assert.deepEqual([...new Set(replies.map(([{ status }]) => status))], [504]);
    assert.ok(names.queries > 0);
    // The latest may not come at a multiple of the timeout: each counts from its own beginning.
    assert.ok(Math.max(...replies.map(([, ms]) => ms)) < 2 * timeout, `${Math.max(...replies.map(([, ms]) => ms))} ms`);
    over = true;
    await watch;
    assert.ok(busiest <= 8, `${busiest} threads`);
    // A worker that waits for a name server waits for seconds. This bound leaves room for a slow machine.
    assert.ok(slowest < timeout / 2, `/healthz took ${slowest} ms`);

    const last = timed(() => send(program.address, me));
    await pause(100);
    program.child.kill('SIGTERM');
    const [ended, ms] = await timed(() => program.exited);
    assert.deepEqual(ended, { code: 0, signal: null });
    assert.ok(ms < 2 * timeout, `SIGTERM took ${ms} ms`);
    assert.equal((await last)[0].status, 504);
  });

  test('as CGI: 504 at the timeout, and the process ends', async () => {
    names.address = null;
    const envFile = writeEnv(stage, { THREADS_API_URL: 'https://threads.test', THREADS_TIMEOUT: `${timeout / 1000}` });
    const [{ status, code }, ms] = await timed(() => runCgi(stage, { envFile }, me));
    assert.deepEqual([status, code], [504, 0]);
    assert.ok(ms < 2 * timeout, `${ms} ms`);
  });

  test('a name that was found before is used while they are silent, and looked up again when they are back', async () => {
    names.address = '127.0.0.1';
    const threads = await Threads.start(stage);
    const program = await threads.program(stage, { THREADS_TIMEOUT: `${timeout / 1000}` });
    assert.equal((await send(program.address, me)).status, 200);
    names.address = null;
    // SIGHUP drops connections and asks for the name again.
    program.child.kill('SIGHUP');
    await program.said(/configuration read again/);
    assert.equal((await send(program.address, me)).status, 200);
    assert.equal(threads.connections.length, 2);
  });

  test('a name that does not exist: 502 at once, and found as soon as it exists', async () => {
    names.address = 'NXDOMAIN';
    const threads = await Threads.start(stage);
    const program = await threads.program(stage, { THREADS_TIMEOUT: '10' });
    const { status, text } = await send(program.address, me);
    assert.equal(status, 502);
    assert.match(JSON.parse(text).detail, /name does not resolve/);
    names.address = '127.0.0.1';
    assert.equal((await send(program.address, me)).status, 200);
  });
});

test('nothing leaked', { skip }, () => assertNothingLeaked(stage));
