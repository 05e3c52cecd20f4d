// 200 days of the timer's daily run against the sandbox's moved clock, with every trouble in between:
// at the end the token is alive, and no failure has touched the file.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { day, rig } from './rig.mjs';

const it = rig();

test('a token stays alive for 200 days', async () => {
  const file = await it.loggedIn();
  const first = it.stored(file).access_token;
  const cut = net.createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{"access_token":"THQV'));
  });
  await new Promise((resolve) => { cut.listen(0, '127.0.0.1', resolve); });
  it.stage.closers.push(() => cut.close());

  const refresh = (...args) => it.run(['refresh', '--if-older-than', '30', '--file', file, ...args]);
  const troubles = [
    ['the server is down', 75, () => refresh('--server', it.nowhere)],
    ['Threads answers 500', 75, () => it.mode('error', refresh)],
    ['Threads is slow', 75, () => it.mode('slow', refresh)],
    ['Threads answers half', 75, () => it.mode('broken', refresh)],
    ['the answer is cut off', 75, () => refresh('--server', `http://127.0.0.1:${cut.address().port}`)],
    ['the folder is read-only', 1, async () => {
      fs.chmodSync(path.dirname(file), 0o555);
      try {
        return await refresh();
      } finally {
        fs.chmodSync(path.dirname(file), 0o755);
      }
    }],
  ];
  let failures = 0;
  let refreshed = 0;
  let left = troubles.length;  // of these, before the next refresh succeeds
  for (let today = 1; today <= 200; today += 1) {
    await it.pass('1d');
    const old = it.stored(file);
    if (it.now - old.issued < 30 * day) {
      const { code, err } = await refresh();
      assert.deepEqual([code, err], [0, ''], `day ${today}`);
      assert.deepEqual(it.stored(file), old);
    } else if (left > 0) {
      left -= 1;
      const [name, status, run] = troubles[(failures + refreshed) % troubles.length];
      failures += 1;
      const { err } = await it.fails(file, status, run);
      assert.ok(status === 1 || err.includes('is as it was'), `day ${today}, ${name}: ${err}`);
    } else {
      const { code, err } = await refresh();
      assert.deepEqual([code, err], [0, ''], `day ${today}`);
      assert.notEqual(it.stored(file).access_token, old.access_token);
      refreshed += 1;
      left = refreshed === 1 ? 28 : troubles.length;  // once up to the day before the last
    }
  }
  assert.ok(failures > 40 && refreshed >= 4, `${failures} failures, ${refreshed} refreshed`);
  assert.ok((await it.inspect(it.stored(file).access_token)).is_valid, 'the token is alive');
  assert.equal((await it.inspect(first)).is_valid, false, 'the first one is not');
  assert.deepEqual(fs.readdirSync(path.dirname(file)), ['token.json']);
});
