// Three programs over TCP behind nginx (nginx.conf.example with deploy/cluster.nginx.conf.example) and
// behind HAProxy (deploy/haproxy.cfg.example): what the death of one costs, that its return is
// noticed, and that no login is ever sent twice.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked, token } from '../lib/canaries.mjs';
import { send } from '../lib/http.mjs';
import { fill, startProgram } from '../lib/servers.mjs';
import { freePort, root, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { assertOnce, Callers, countCodes, loadEnv, startNginx } from './load.mjs';

const kCallers = 24;

async function startHaproxy(stage, addresses) {
  const port = await freePort();
  const conf = stage.write('haproxy.cfg', fill(fs.readFileSync(path.join(root, 'deploy/haproxy.cfg.example'), 'utf8'), [
    ['0.0.0.0:80 ', `127.0.0.1:${port} `],
    ...addresses.map((address, i) => [`10.0.0.1${i + 1}:9000`, `${address.host}:${address.port}`]),
  ]));
  const it = stage.spawn('haproxy', 'haproxy', ['-db', '-f', conf]);
  it.port = port;
  await stage.ready(it, { host: '127.0.0.1', port });
  return it;
}

const fronts = {
  nginx: (stage, addresses) => startNginx(stage, addresses, { clusterChanges: [['fail_timeout=5s', 'fail_timeout=1s']] }),
  HAProxy: startHaproxy,
};

for (const [name, start] of Object.entries(fronts)) {
  describe(name, () => {
    const stage = new Stage();
    const programs = [];
    let upstream;
    let envFile;
    let front;
    before(async () => {
      upstream = await Upstream.start(stage);
      envFile = loadEnv(stage, upstream.url);
      for (let i = 0; i < 3; i += 1) programs.push(await startProgram(stage, { envFile, tcp: true }));
      front = await start(stage, programs.map((it) => it.address));
    });
    after(() => stage.close());

    // The same address again, as the machine's own service manager would.
    const revive = async (i) => {
      const { address, args } = programs[i];
      programs[i] = await stage.ready(stage.spawn('program', args[0], args.slice(1)), address);
      programs[i].address = address;
    };
    const served = (it) => it.err.split('path=/access-token').length - 1;

    test('all three share the load', async () => {
      const seen = countCodes(upstream);
      const callers = new Callers(front.port, kCallers);
      await callers.more(300);
      await callers.stop();
      assert.deepEqual(callers.failed, []);
      assertOnce(seen);
      for (const it of programs) assert.ok(served(it) > 30, programs.map(served).join(' '));
    });

    test('what a request needs comes through', async () => {
      upstream.answers({ body: '{"id":"1"}' });
      const answer = await send(front.port, { path: '/me', headers: { Authorization: `Bearer ${token}`, Cookie: 'a=b' } });
      assert.deepEqual([answer.status, answer.text, answer.get('cache-control')], [200, '{"id":"1"}', 'no-store']);
      assert.equal(new URLSearchParams(upstream.requests[0].query).get('access_token'), token);
      assert.equal((await send(front.port, { path: '/me', query: `access_token=${token}` })).status, 200);
      assert.equal((await send(front.port, { path: '/healthz' }, { from: '127.0.0.9' })).status, 403);
      const limit = await Promise.all(Array.from({ length: 60 }, () => send(front.port, { path: '/me', query: `access_token=${token}` }, { from: '127.0.0.8' })));
      assert.ok(limit.some((it) => it.status === 429));
      assertNothingLeaked(stage);
    });

    test('kill -9: only what was in flight is lost, as 502, and nothing comes twice', async () => {
      const seen = countCodes(upstream, 20);
      const callers = new Callers(front.port, kCallers);
      await callers.more(150);
      const victim = programs[1];
      victim.child.kill('SIGKILL');
      await victim.exited;
      const gone = performance.now();
      await callers.more(400);
      await callers.stop();
      for (const failure of callers.failed) {
        assert.equal(failure.status, 502);
        assert.equal(typeof JSON.parse(failure.text).detail, 'string');
        assert.ok(failure.began < gone, `one that began ${failure.began - gone} ms later was lost`);
      }
      assert.ok(callers.failed.length <= kCallers, `${callers.failed.length} were lost`);
      assertOnce(seen);
    });

    test('back again: it gets its share, and nothing is lost', async () => {
      const seen = countCodes(upstream);
      await revive(1);
      const callers = new Callers(front.port, kCallers);
      await programs[1].said(/path=\/access-token/);
      await callers.stop();
      assert.deepEqual(callers.failed, []);
      assertOnce(seen);
    });

    test('each is restarted in turn under load: nothing is lost', async () => {
      const seen = countCodes(upstream, 5);
      const callers = new Callers(front.port, kCallers);
      for (let i = 0; i < 3; i += 1) {
        await callers.more(100);
        programs[i].child.kill('SIGTERM');
        assert.deepEqual(await programs[i].exited, { code: 0, signal: null });
        await revive(i);
        await programs[i].said(/path=\/access-token/);
      }
      await callers.stop();
      assert.deepEqual(callers.failed, []);
      assertOnce(seen);
    });

    test('all are gone: JSON, and back', async () => {
      for (const it of programs) it.child.kill('SIGKILL');
      await Promise.all(programs.map((it) => it.exited));
      const answer = await send(front.port, { path: '/config' });
      assert.ok([502, 503].includes(answer.status), `${answer.status}`);
      assert.equal(typeof JSON.parse(answer.text).detail, 'string');
      assert.equal(answer.get('content-type'), 'application/json');
      for (let i = 0; i < 3; i += 1) await revive(i);
      const deadline = Date.now() + 5_000;
      while ((await send(front.port, { path: '/config' })).status !== 200) assert.ok(Date.now() < deadline);
    });
  });
}
