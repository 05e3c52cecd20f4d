// The connections to Threads between exchanges: what comes there without being asked for is nobody's
// answer, and a descriptor that was one of them is not taken for it when it has become a caller's.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, describe, test } from 'node:test';
import { assertNothingLeaked, token } from '../lib/canaries.mjs';
import { Connection, cgiParams, encodeRequest, send } from '../lib/fastcgi.mjs';
import { pause, reply, tick, until, Wire } from '../lib/hostile.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';

const stage = new Stage();
after(() => stage.close());
const me = { path: '/me', headers: { Authorization: `Bearer ${token}` } };

describe('what an idle connection brings unasked is nobody\'s answer', () => {
  for (const [what, bytes] of [
    ['a 408 before it is closed', 'HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'],
    ['another whole answer', reply(200, '{"id":"another\'s"}')],
    ['half an answer', 'HTTP/1.1 200 OK\r\n'],
  ]) {
    test(what, async () => {
      const upstream = await Wire.start(stage, (socket) => { socket.write(reply(200, `{"asked":${upstream.requests.length}}`)); });
      const { address } = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url }) });
      for (const asked of [1, 2, 3]) {
        const answer = await send(address, me);
        assert.deepEqual([answer.status, answer.text], [200, `{"asked":${asked}}`]);
        const [socket] = upstream.sockets;
        const gone = Promise.race([once(socket, 'close'), pause(3000).then(() => assert.fail('the program keeps the connection'))]);
        socket.write(bytes);
        await gone;
      }
      assert.equal(upstream.connections, 3);
    });
  }
});

test('who gets the number of a connection that has just been closed is heard', async () => {
  const pending = [];
  const upstream = await Wire.start(stage, (socket) => { pending.push(socket); });
  const program = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url }) });
  const request = encodeRequest({ params: cgiParams(me), keep: true });
  const callers = [];
  for (let i = 0; i < 4; i += 1) callers.push(await Connection.open(program.address));
  const answers = (list) => Promise.all(list.map(async (caller) => assert.equal((await caller.answer()).status, 200)));

  // Four kept connections on either side, then one of them busy.
  for (const caller of callers) caller.write(request);
  await until(() => pending.length === 4);
  for (const socket of pending.splice(0)) socket.write(reply(200, '{}'));
  await answers(callers);
  callers[1].write(request);
  await until(() => pending.length === 1);
  const [busy] = pending.splice(0);

  // While the program stands still: a request, a part of the busy one's answer, a new caller, and the end
  // of all idle connections. It finds them in this order.
  program.child.kill('SIGSTOP');
  await until(() => / T /.test(fs.readFileSync(`/proc/${program.pid}/stat`, 'utf8')));
  callers[0].write(request);
  await tick();
  const bytes = reply(200, '{}');
  busy.write(bytes.subarray(0, 20));
  await tick();
  const late = await Connection.open(program.address);
  await tick();
  for (const socket of upstream.sockets) if (socket !== busy) socket.end();
  await tick();
  program.child.kill('SIGCONT');
  await until(() => pending.length === 1);  // the first caller's exchange, on a new connection

  late.write(encodeRequest({ params: cgiParams({ path: '/config' }) }));
  const heard = await Promise.race([late.answer(), pause(3000)]);
  assert.equal(heard?.status, 200, 'the new caller waits in vain');
  busy.write(bytes.subarray(20));
  pending[0].write(bytes);
  await answers(callers.slice(0, 2));
  for (const caller of [...callers, late]) caller.close();
});

test('nothing leaked', () => assertNothingLeaked(stage));
