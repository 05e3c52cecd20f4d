// `make run` and deploy/run, which it calls: the page and a sandbox login's addresses answer, and whatever
// signal ends it, no process, no port and no file is left behind.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { send } from '../lib/http.mjs';
import { connect, root } from '../lib/stage.mjs';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'threads oauth run '));
const script = path.join(folder, 'deploy/run');

// A checkout of its own, in a folder with a blank: what is made must stay inside its build/. It has the times of its
// files, so that make finds the programs up to date.
before(() => {
  const names = ['Makefile', 'CHANGELOG.md', 'deploy', 'src', 'www', 'nginx.conf.example',
    ...['src', 'docs', 'causes.inc', 'threads-oauth.fcgi', 'threads-sandbox.fcgi'].map((name) => `build/${name}`)];
  for (const name of names) fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true, preserveTimestamps: true });
});
after(() => fs.rmSync(folder, { recursive: true, force: true }));

function start(port, env, command = [script]) {
  const child = spawn(command[0], command.slice(1), {
    cwd: folder, env: { PATH: process.env.PATH, PORT: String(port), ...env }, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const it = { child, text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { it.text += data; child.emit('said'); });
  it.exited = once(child, 'close');
  it.up = new Promise((resolve, reject) => {
    child.on('said', () => { if (it.text.includes('Ctrl-C ends it')) resolve(); });
    it.exited.then(() => reject(new Error(it.text)));
  });
  return it;
}

// A port that is free together with the next one (the sandbox's), below those that the system gives
// to outgoing connections: one of these may come in between.
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const free = await Promise.all([port, port + 1].map(async (p) => {
      const server = net.createServer().listen(p, '127.0.0.1');
      try {
        await once(server, 'listening');
      } catch {
        return false;
      }
      server.close();
      await once(server, 'close');
      return true;
    }));
    if (!free.includes(false)) return port;
  }
}

// The processes of a process group, without those that have ended and wait for their parent to notice.
function group(id) {
  return fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => {
    try {
      const stat = fs.readFileSync(`/proc/${name}/stat`, 'utf8');
      const [state, , itsGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(itsGroup) === id && state !== 'Z' ? [stat] : [];
    } catch {
      return [];
    }
  });
}

function endGroup(id) {
  if (group(id).length) process.kill(-id, 'SIGKILL');
}

// By find(1): Node 18 cannot look below a folder that has a socket in it.
const files = () => execFileSync('find', ['.', '-mindepth', '1', '-printf', '%P\\n'], { cwd: folder, encoding: 'utf8' }).split('\n').filter(Boolean).sort();

// Signals that reach make alone, as a service manager or `kill` sends them, and signals that reach all, as a terminal
// sends them.
describe('make run, started by make', () => {
  for (const [name, signal, whole] of [
    ['SIGTERM to make alone', 'SIGTERM', false], ['SIGTERM to all', 'SIGTERM', true],
    ['SIGINT to all', 'SIGINT', true], ['SIGHUP to all', 'SIGHUP', true], ['SIGKILL to make alone', 'SIGKILL', false],
  ]) {
    for (const command of [['make', 'run'], ['make', '-j2', 'run']]) {
      test(`${name} ends all of ${command.join(' ')}`, { timeout: 120_000 }, async (t) => {
        const port = await freePort();
        const it = start(port, {}, command);
        t.after(() => endGroup(it.child.pid));
        await it.up;
        const before_ = files();
        process.kill(whole ? -it.child.pid : it.child.pid, signal);
        await it.exited;  // when none of them has its output open any more
        // Without make nobody tells us when the last one is gone.
        if (signal === 'SIGKILL') while (group(it.child.pid).length) await new Promise(setImmediate);
        assert.deepEqual(group(it.child.pid), []);
        for (const p of [port, port + 1]) await assert.rejects(connect({ port: p, host: '127.0.0.1' }));
        const gone = before_.filter((file) => !fs.existsSync(path.join(folder, file)));
        assert.deepEqual(gone, before_.filter((file) => /^build\/run/.test(file)));
        assert.ok(gone.includes('build/run.lock'));
      });
    }
  }
});

describe('make run', () => {
  for (const [signal, whole] of [['SIGINT', true], ['SIGTERM', false], ['SIGHUP', true]]) {
    test(`serves, and ${signal} ends all of it`, async () => {
      const before_ = files();
      const port = await freePort();
      const it = start(port);
      await it.up;
      assert.match(it.text, new RegExp(`http://localhost:${port}/auth`));
      for (const where of ['/auth', '/docs', '/openapi.json', '/static/swagger-ui.css']) assert.equal((await send(port, { path: where })).status, 200, where);
      const config = JSON.parse((await send(port, { path: '/config' })).text);
      assert.equal(config.sandbox, true);
      const sandbox = new URL(config.auth_url);
      const window_ = await send(Number(sandbox.port), {
        path: sandbox.pathname, query: `client_id=${config.app_id}&redirect_uri=http%3A%2F%2Flocalhost%3A${port}%2Fauth%2Fcallback&scope=${config.scope}&response_type=code&state=s` });
      assert.equal(window_.status, 200);
      assert.match(window_.text, /Allow/);
      const { mode } = fs.statSync(path.join(folder, 'build/run/sandbox.env'));
      assert.equal(mode & 0o777, 0o600);

      process.kill(whole ? -it.child.pid : it.child.pid, signal);
      await it.exited;
      assert.deepEqual(group(it.child.pid), []);
      await assert.rejects(connect({ port, host: '127.0.0.1' }));
      assert.deepEqual(files(), before_);
    });
  }

  test('a port that is taken is said so', async () => {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const it = start(server.address().port);
    it.up.catch(() => {});
    const [status] = await it.exited;
    server.close();
    assert.equal(status, 1);
    assert.match(it.text, /port \d+ is taken.*make run PORT=/);
  });

  test('one child dies: all end, with its name and a status', async () => {
    const it = start(await freePort());
    await it.up;
    const [victim] = group(it.child.pid).filter((stat) => stat.includes('(threads-oauth'));
    process.kill(Number(victim.split(' ')[0]), 'SIGKILL');
    const [status] = await it.exited;
    assert.equal(status, 1);
    assert.match(it.text, /the program ended by itself/);
    assert.deepEqual(group(it.child.pid), []);
  });

  test('BUILD names the folder of the programs, and what is made stays there', async () => {
    const [build, other] = ['build', 'built elsewhere'].map((name) => path.join(folder, name));
    fs.renameSync(build, other);
    try {
      const it = start(await freePort(), { BUILD: path.basename(other) });
      await it.up;
      assert.ok(fs.existsSync(path.join(other, 'run/nginx.conf')));
      process.kill(-it.child.pid, 'SIGINT');
      await it.exited;
      assert.ok(!fs.existsSync(build));
    } finally {
      fs.renameSync(other, build);
    }
    assert.match(execFileSync('make', ['-n', 'run', 'BUILD=elsewhere'], { cwd: root, encoding: 'utf8' }), /BUILD=elsewhere exec .*deploy\/run/);
  });

  test('with a .env there is no sandbox; a wrong one is named', async () => {
    const file = path.join(folder, '.env');
    try {
      fs.writeFileSync(file, 'THREADS_APP_ID=42\nTHREADS_APP_SECRET=s\n', { mode: 0o600 });
      const port = await freePort();
      const it = start(port);
      await it.up;
      const config = JSON.parse((await send(port, { path: '/config' })).text);
      assert.deepEqual([config.app_id, config.sandbox], ['42', false]);
      assert.ok(!group(it.child.pid).some((stat) => stat.includes('(threads-sandbox')));
      process.kill(-it.child.pid, 'SIGINT');
      await it.exited;
      fs.writeFileSync(file, 'THREADS_APP_ID=42\n');
      const wrong = start(port);
      wrong.up.catch(() => {});
      const [status] = await wrong.exited;
      assert.equal(status, 1);
      assert.match(wrong.text, /THREADS_APP_SECRET/);
    } finally {
      fs.rmSync(file);
    }
  });
});
