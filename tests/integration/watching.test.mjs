// What an operator watches: /metrics, request ids, the log and its levels for the journal.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked, code, token } from '../lib/canaries.mjs';
import { send } from '../lib/fastcgi.mjs';
import * as http from '../lib/http.mjs';
import { complaints } from '../lib/promtool.mjs';
import { runCgi, startNginx, startProgram, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const stage = new Stage();
const me = { path: '/me', headers: { Authorization: `Bearer ${token}` } };
let upstream;
let envFile;
before(async () => {
  upstream = await Upstream.start(stage);
  envFile = writeEnv(stage, { THREADS_API_URL: upstream.url });
});
after(() => stage.close());

// name{labels} -> number
function parse(text) {
  const values = new Map();
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('#')) continue;
    const [, name, value] = /^(\S+) (\S+)$/.exec(line);
    assert.ok(!values.has(name), `${name} comes once`);
    values.set(name, Number(value));
  }
  return values;
}
const scrape = async (address) => parse((await send(address, { path: '/metrics' })).text);

describe('/metrics', () => {
  test('through nginx: counts of what was asked, and Prometheus has nothing to complain of', async () => {
    const program = await startProgram(stage, { envFile, args: ['--workers', '2'] });
    const { port } = await startNginx(stage, { socket: program.address.path });
    upstream.answers({ body: '{}' });
    for (let i = 0; i < 7; i += 1) assert.equal((await http.send(port, me)).status, 200);
    upstream.answers({ status: 400, body: '{"error":{"message":"no","code":190}}' });
    await http.send(port, me);
    upstream.answers({ status: 429, body: '{"error":{"message":"no","code":4}}' });
    await http.send(port, me);
    upstream.answers({ status: 500, body: '' });
    await http.send(port, me);
    upstream.answers({ body: 'no JSON' });
    await http.send(port, me);
    upstream.answers({ reset: true });
    await http.send(port, me);
    await http.send(port, { path: '/nowhere' });
    await http.send(port, { path: '/access-token', method: 'POST', headers: { 'Content-Type': 'application/json' }, body: `{"code":"${code}"}` });
    const answer = await http.send(port, { path: '/metrics' }, { from: '127.0.0.1' });
    assert.equal(answer.status, 200);
    assert.equal(answer.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(complaints(answer.text), '');
    const values = parse(answer.text);
    for (const [name, value] of [
      ['threads_oauth_requests_total{endpoint="/me",status="200"}', 7],
      ['threads_oauth_requests_total{endpoint="/me",status="400"}', 1],
      ['threads_oauth_requests_total{endpoint="/me",status="429"}', 1],
      ['threads_oauth_requests_total{endpoint="/me",status="502"}', 3],
      ['threads_oauth_requests_total{endpoint="-",status="404"}', 1],
      ['threads_oauth_requests_total{endpoint="/access-token",status="422"}', 1],
      ['threads_oauth_exchange_duration_seconds_count', 12],
      ['threads_oauth_exchange_duration_seconds_bucket{le="+Inf"}', 12],
      ['threads_oauth_upstream_errors_total{kind="refused"}', 1],
      ['threads_oauth_upstream_errors_total{kind="rate_limited"}', 1],
      ['threads_oauth_upstream_errors_total{kind="bad_status"}', 1],
      ['threads_oauth_upstream_errors_total{kind="bad_answer"}', 1],
      ['threads_oauth_upstream_errors_total{kind="broken"}', 1],
      ['threads_oauth_upstream_errors_total{kind="timeout"}', 0],
      ['threads_oauth_exchanges_in_flight', 0],
    ]) assert.equal(values.get(name), value, name);
    const version = [...values.keys()].find((name) => name.startsWith('threads_oauth_build_info'));
    assert.match(version, /\{version="\d+\.\d+\.\d+",libcurl="\d+\.\d+\.\d+"\}/);
    const age = Date.now() / 1000 - values.get('process_start_time_seconds');
    assert.ok(age > 0 && age < 60, `started ${age} s ago`);
  });

  test('gauges: what is open and under way now', async () => {
    const { address } = await startProgram(stage, { envFile });
    upstream.answers({ hang: true });
    const late = send(address, me);
    await upstream.asked();
    const during = await scrape(address);
    assert.equal(during.get('threads_oauth_exchanges_in_flight'), 1);
    assert.equal(during.get('threads_oauth_connections'), 2);
    assert.equal((await late).status, 504);
    const then = await scrape(address);
    assert.equal(then.get('threads_oauth_exchanges_in_flight'), 0);
    assert.equal(then.get('threads_oauth_connections'), 1);
    // One came before these, from the stage when it waited for the socket.
    assert.equal(then.get('threads_oauth_connections_accepted_total'), 4);
    assert.equal(then.get('threads_oauth_upstream_errors_total{kind="timeout"}'), 1);
    assert.equal(then.get('threads_oauth_exchange_duration_seconds_bucket{le="1"}'), 0);
    assert.equal(then.get('threads_oauth_exchange_duration_seconds_bucket{le="2.5"}'), 1);
  });

  test('reloads, good and bad', async () => {
    const own = writeEnv(stage, { THREADS_API_URL: upstream.url });
    const program = await startProgram(stage, { envFile: own });
    program.child.kill('SIGHUP');
    await program.said(/configuration read again/);
    fs.writeFileSync(own, 'THREADS_APP_ID=\n');
    program.child.kill('SIGHUP');
    await program.said(/the old configuration stays/);
    const values = await scrape(program.address);
    assert.equal(values.get('threads_oauth_config_reloads_total{result="success"}'), 1);
    assert.equal(values.get('threads_oauth_config_reloads_total{result="failure"}'), 1);
  });

  test('only from this machine: another address gets 403 from nginx', async () => {
    const program = await startProgram(stage, { envFile });
    const { port } = await startNginx(stage, { socket: program.address.path });
    assert.equal((await http.send(port, { path: '/metrics' }, { from: '127.0.0.1' })).status, 200);
    assert.equal((await http.send(port, { path: '/metrics' }, { from: '127.0.0.9' })).status, 403);
  });

  test('as CGI nothing is counted, and the 404 says so', async () => {
    const answer = await runCgi(stage, { envFile }, { path: '/metrics' });
    assert.equal(answer.status, 404);
    assert.match(JSON.parse(answer.text).detail, /CGI/);
  });
});

describe('request ids', () => {
  const id = /^[0-9a-f]{16}$/;

  test('each answer has one of its own, and its log line has the same', async () => {
    const program = await startProgram(stage, { envFile });
    const { port } = await startNginx(stage, { socket: program.address.path });
    upstream.answers({ body: '{}' });
    const ids = new Set();
    for (const request of [me, { path: '/nowhere' }, { path: '/me' }, { path: '/', method: 'DELETE' }, { path: '/', method: 'HEAD' }]) {
      const answer = await http.send(port, request);
      assert.equal(answer.all('x-request-id').length, 1);
      const given = answer.get('x-request-id');
      assert.match(given, id);
      ids.add(given);
      const [line] = await program.said(new RegExp(`^.* id=${given} .*$`, 'm'));
      assert.match(line, new RegExp(` status=${answer.status} `));
    }
    assert.equal(ids.size, 5);
  });

  test('as CGI likewise', async () => {
    const answer = await runCgi(stage, { envFile }, { path: '/config' });
    assert.match(answer.get('x-request-id'), id);
    assert.match(answer.stderr, new RegExp(` id=${answer.get('x-request-id')} `));
  });
});

describe('the log', () => {
  test('a request of a second or more is marked', async () => {
    const program = await startProgram(stage, { envFile });
    upstream.answers({ body: '{}' });
    await send(program.address, me);
    upstream.answers({ hang: true });
    await send(program.address, me);
    await program.said(/status=504/);
    assert.deepEqual(program.err.match(/ status=.*/g).map((line) => line.replace(/ ms=\S+/, '')),
      [' status=200 upstream=200', ' status=504 upstream=- slow=yes']);
  });

  // The journal's end of stderr is a socket; by its device and inode a file does as well.
  const toTheJournal = async (name) => {
    const log = stage.write(`${name}.log`, '');
    const { dev, ino } = fs.statSync(log);
    const file = fs.openSync(log, 'a');
    const program = await startProgram(stage, {
      envFile, stdio: ['ignore', 'ignore', file], env: { JOURNAL_STREAM: `${dev}:${ino}` },
    });
    fs.closeSync(file);
    return { program, lines: () => fs.readFileSync(log, 'utf8').trimEnd().split('\n') };
  };

  test('where stderr is the journal\'s, each line begins with its level', async () => {
    const { program, lines } = await toTheJournal('journal');
    upstream.answers({ body: '{}' });
    await send(program.address, me);
    upstream.answers({ status: 500, body: '' });
    await send(program.address, me);
    program.child.kill('SIGTERM');
    await program.exited;
    for (const line of lines()) assert.match(line, /^<[346]>time=/);
    const level = (pattern) => lines().find((line) => pattern.test(line))?.slice(0, 3);
    assert.equal(level(/msg="serving/), '<6>');
    assert.equal(level(/status=200/), '<6>');
    assert.equal(level(/status=502/), '<4>');
  });

  test('a variable that tells of another stderr changes nothing', async () => {
    const program = await startProgram(stage, { envFile, env: { JOURNAL_STREAM: '8:1234567' } });
    await program.said(/^time=.* msg="serving/m);
  });

  test('what keeps it from starting is an error in the journal', async () => {
    const log = stage.write('wrong.log', '');
    const { dev, ino } = fs.statSync(log);
    const file = fs.openSync(log, 'a');
    const it = stage.spawn('program', stage.binary('threads-oauth.fcgi'), ['--listen', stage.path('x.sock'), '--env-file', stage.write('wrong', 'THREADS_APP_ID=1\n')],
      { stdio: ['ignore', 'ignore', file], env: { JOURNAL_STREAM: `${dev}:${ino}` } });
    fs.closeSync(file);
    assert.equal((await it.exited).code, 78);
    assert.match(fs.readFileSync(log, 'utf8'), /^<3>threads-oauth: THREADS_APP_SECRET is not set\.$/m);
  });
});

for (const binary of ['threads-oauth.fcgi', 'threads-sandbox.fcgi']) {
  test(`${binary} says in the log which program serves`, async () => {
    const serving = await startProgram(stage, { envFile, binary });
    await serving.said(new RegExp(`^time=\\S+ msg="serving: ${binary.replace('.fcgi', '')}, workers 1, `, 'm'));
  });
}

test('nothing leaked', () => assertNothingLeaked(stage));
