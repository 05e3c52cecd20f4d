// Leak canaries: whole logins, failures and floods of odd requests with secrets that can be recognised,
// through every way to the program; then a search in all that somebody else can read: answers, logs, the
// files on disk, the command lines of all processes while requests are under way, /proc, core files.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { appSecret, assertNoCanary, assertNothingLeaked, clientSecret, code, otherToken, token } from '../lib/canaries.mjs';
import { assertContract, everyCommandLine, until } from '../lib/hostile.mjs';
import { startProgram, ways, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const bearer = { Authorization: `Bearer ${token}` };
const noise = { Referer: `https://login.example.com/auth/callback?code=${code}&state=canary0`, 'User-Agent': `curl ${token}`, Cookie: `t=${token}`, 'X-Canary': appSecret };
const login = (more = {}) => ({ method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json', ...noise }, body: JSON.stringify({ code, redirect_uri: 'https://login.example.com/auth/callback' }), ...more });
const tokens = ['/long-lived-access-token', '/refresh-access-token', '/me', '/debug-token'];
const success = `{"access_token":"${otherToken}","user_id":1}`;

// What is asked, and what Threads says to it: an answer or a function of the request.
const echo = ({ query, body }) => ({ status: 400, body: JSON.stringify({ error: { message: `Bad ${query} ${body}`, type: `${query}`, code: 1, fbtrace_id: body } }) });
const scenes = {
  'a login': [login(), { body: success }],
  'a login that Threads refuses, repeating all': [login(), echo],
  'a login that Threads answers with half an object': [login(), { body: '{"access_token":"' }],
  'a login that Threads breaks off': [login(), { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{' }],
  'a login with a misspelt field': [login({ body: JSON.stringify({ code, redirect: 'x', client_secret: appSecret }) })],
  'a login whose JSON is broken': [login({ body: `{"code":"${code}` })],
  'a login with the code as a list': [login({ body: JSON.stringify({ code: [code], redirect_uri: { token } }) })],
  'a login with the code as a name': [login({ body: JSON.stringify({ [code.repeat(3)]: 1 }) })],
  'a login as a bare string': [login({ body: JSON.stringify(code) })],
  'a login with the code twice': [login({ body: `{"code":"${code}","code":"${code}","redirect_uri":"r"}` })],
  'a login as a form': [login({ headers: { 'Content-Type': 'application/x-www-form-urlencoded' }, body: `code=${code}&redirect_uri=r` })],
  'a login of the wrong type, named after the code': [login({ headers: { 'Content-Type': `text/${code}` } })],
  'a login by GET': [{ path: '/access-token', query: `code=${code}` }],
  ...Object.fromEntries(tokens.flatMap((at) => [
    [`${at}, token in the header`, [{ path: at, headers: { ...bearer, ...noise } }, { body: success }]],
    [`${at}, token in the query`, [{ path: at, query: `access_token=${token}`, headers: noise }, { body: success }]],
    [`${at}, refused, repeating all`, [{ path: at, headers: { ...bearer, ...noise } }, echo]],
    [`${at}, token twice`, [{ path: at, query: `access_token=${token}&access_token=${token}` }]],
    [`${at}, token badly encoded`, [{ path: at, query: `access_token=${token}%zz` }]],
    [`${at}, token under another name`, [{ path: at, query: `token=${token}` }]],
    [`${at}, query too long`, [{ path: at, query: `access_token=${token.repeat(500)}` }]],
    [`${at}, by POST`, [{ method: 'POST', path: at, query: `access_token=${token}`, headers: bearer, body: `access_token=${token}` }]],
  ])),
  'a token to a path that is none': [{ path: '/nope', query: `access_token=${token}`, headers: { ...bearer, ...noise } }],
  ...Object.fromEntries(['', '/me', '/static', '/auth', '/auth/callback', '/me/.', '/x/y/z'].map((at) => [
    `a token in the path itself, behind ${at}/`, [{ path: `${at}/${token}`, headers: noise }]])),
  'a forged callback': [{ method: 'POST', path: '/data-deletion', headers: { 'Content-Type': 'application/x-www-form-urlencoded', ...noise }, body: `signed_request=${token}.${code}` }],
  'a status page with a code of another kind': [{ path: '/data-deletion', query: `code=${code}`, headers: noise }],
  '/config': [{ path: '/config', query: `access_token=${token}`, headers: { ...bearer, ...noise } }],
};

for (const [way, start] of Object.entries(ways)) {
  describe(way, () => {
    const stage = new Stage();
    let upstream;
    let send;
    before(async () => {
      upstream = await Upstream.start(stage);
      send = await start(stage, writeEnv(stage, { THREADS_API_URL: upstream.url, THREADS_TIMEOUT: '6' }));
    });
    after(() => stage.close());

    for (const [name, [ask, threads]] of Object.entries(scenes)) {
      test(name, async () => {
        upstream.answers(threads ?? { status: 500, body: 'Threads must not be asked' });
        const answer = await send(ask);
        assertNoCanary(JSON.stringify(answer.headers), 'a header');
        const passed = answer.status === 200 && threads?.body === success;
        for (const secret of [appSecret, clientSecret, code, token]) assert.ok(!answer.text.includes(secret), `a secret in ${answer.text}`);
        if (!passed) assertNoCanary(answer.text, 'an answer');
        if (ask.path !== '/data-deletion' && answer.status >= 400) assertContract(answer, answer.status);
        if (!threads) assert.equal(upstream.requests.length, 0, 'Threads was asked');
      });
    }

    test('no command line holds one while requests are under way', async () => {
      let release;
      const gate = new Promise((resolve) => { release = resolve; });
      upstream.answers(async () => { await gate; return { body: success }; });
      const all = [send(login()), ...tokens.map((at, i) => send({ path: at, ...(i % 2 ? { headers: bearer } : { query: `access_token=${token}` }) }))];
      // (mod_fcgid starts its processes one after the other.)
      const wanted = way.includes('fcgid') ? 1 : all.length;
      try {
        await until(() => upstream.requests.length >= wanted, 'they are under way');
        const [ps, proc] = [spawnSync('ps', ['-eww', '-o', 'args']).stdout.toString(), everyCommandLine()];
        assert.match(ps, /threads-oauth/);
        assertNoCanary(ps, 'ps');
        assertNoCanary(proc, '/proc/*/cmdline');
      } finally {
        release();
      }
      for (const answer of await Promise.all(all)) assert.equal(answer.status, 200);
    });

    test('none is in a log or in a file on disk', () => {
      assertNothingLeaked(stage);
      let files = 0;
      const search = (folder) => {
        for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
          const file = path.join(folder, entry.name);
          if (entry.isDirectory()) search(file);
          if (!entry.isFile() || /^env-\d+$/.test(entry.name)) continue;  // the configuration itself
          files += 1;
          assert.doesNotMatch(entry.name, /^core/);
          assertNoCanary(fs.readFileSync(file, 'latin1'), file);
        }
      };
      search(stage.dir);
      assert.ok(files > 3);
    });
  });
}

describe('the process', () => {
  const stage = new Stage();
  let it;
  before(async () => {
    const upstream = await Upstream.start(stage);
    upstream.answers({ body: success });
    it = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url }), env: { THREADS_APP_SECRET: appSecret } });
  });
  after(() => stage.close());

  test('RLIMIT_CORE is 0, hard and soft', () => {
    assert.match(fs.readFileSync(`/proc/${it.pid}/limits`, 'utf8'), /^Max core file size +0 +0 +bytes/m);
  });
  test('it is not dumpable: its files in /proc are root\'s', { skip: process.getuid() !== 0 && 'needs root' }, () => {
    const own = Number(/^Uid:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${it.pid}/status`, 'utf8'))[1]);
    assert.notEqual(own, 0);
    for (const file of ['environ', 'mem', 'maps', 'auxv', 'fd', 'stack']) assert.equal(fs.statSync(`/proc/${it.pid}/${file}`).uid, 0, file);
  });
  for (const file of ['environ', 'mem', 'maps', 'fd/0']) {
    test(`its own account cannot read /proc/PID/${file}`, { skip: process.getuid() !== 0 && 'needs root' }, async () => {
      const peep = stage.spawn('peep', 'head', ['-c', '1', `/proc/${it.pid}/${file}`]);
      assert.notEqual((await peep.exited).code, 0);
      assert.match(peep.err, /denied|not permitted/i);
    });
  }
  test('its command line is what it was started with', () => {
    assert.deepEqual(fs.readFileSync(`/proc/${it.pid}/cmdline`, 'utf8').split('\0').slice(0, -1), it.args);
  });
  for (const signal of ['SIGSEGV', 'SIGABRT', 'SIGQUIT']) {
    test(`${signal} leaves no core file`, async () => {
      const other = await startProgram(stage, { envFile: writeEnv(stage) });
      other.child.kill(signal);
      await other.exited;
      assert.ok(fs.readdirSync(stage.dir).every((name) => !/core/.test(name)), fs.readdirSync(stage.dir).join());
    });
  }
  test('nothing leaked', () => assertNothingLeaked(stage));
});
