// Nothing grows: a hundred thousand requests of every kind leave the program as large as it was.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, test } from 'node:test';
import { cgiParams, encodeRequest, END, record } from '../lib/fastcgi.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { connect, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const stage = new Stage();
after(() => stage.close());
const upstream = await Upstream.start(stage);
upstream.answers({ body: '{"access_token":"t","user_id":17841405793187219}' });
const it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url }) });

const post = (body) => ({ method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body });
const exchange = post('{"code":"growthcode","redirect_uri":"https://login.example.com/auth/callback"}');
const local = [
  { path: '/config' }, { path: '/nothing' }, { path: '/me' }, { method: 'PUT', path: '/me' },
  post('{"code":1}'), post('['), { path: '/data-deletion', query: 'code=x' },
];

const encoded = (request) => encodeRequest({ params: cgiParams(request), body: request.body, keep: true });
const [exchangeBytes, localBytes] = [encoded(exchange), local.map(encoded)];
const end = record(END, 1, Buffer.alloc(8));

// One caller on a kept connection; resolves when it has so many answers.
async function call(count) {
  const socket = await connect(it.address);
  await new Promise((resolve, reject) => {
    let answers = 0;
    const next = () => socket.write(answers % 20 === 0 ? exchangeBytes : localBytes[answers % localBytes.length]);
    socket.on('data', (data) => {
      if (!data.subarray(-end.length).equals(end)) return;
      answers += 1;
      if (answers < count) next();
      else resolve();
    });
    socket.once('close', () => reject(new Error(`closed after ${answers} answers`)));
    next();
  });
  socket.destroy();
}

const serve = (count) => Promise.all(Array.from({ length: 8 }, () => call(count / 8)));

const residentKb = () => Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${it.pid}/status`, 'utf8'))[1]);
const descriptors = () => fs.readdirSync(`/proc/${it.pid}/fd`).length;

test('100,000 requests leave memory and descriptors as they were', { timeout: 120_000 }, async () => {
  await serve(5_000);
  const before = [residentKb(), descriptors()];
  await serve(100_000);
  const grown = residentKb() - before[0];
  assert.ok(grown < 256, `it grew by ${grown} KB`);
  // Eight callers may leave as many kept connections to Threads.
  assert.ok(descriptors() <= before[1] + 8, `${descriptors()} descriptors, ${before[1]} before`);
});
