// What the load tests share: callers that log in, an upstream that counts each code, a listening
// socket that outlives the program, nginx from the shipped files, and looks into a process.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import * as fastcgi from '../lib/fastcgi.mjs';
import { send } from '../lib/http.mjs';
import { fill, writeEnv } from '../lib/servers.mjs';
import { freePort, root } from '../lib/stage.mjs';

export const here = path.join(root, 'tests/load');

let codes = 0;

// A login with a code of its own.
export function login() {
  codes += 1;
  return {
    method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ code: `loadcode${codes}`, redirect_uri: 'https://login.example.com/auth/callback' }),
  };
}

// Makes a scripted upstream answer logins after `ms`, and returns the map of how often each code came.
export function countCodes(upstream, ms = 0) {
  const seen = new Map();
  upstream.answers(async (request) => {
    const code = new URLSearchParams(request.body).get('code');
    seen.set(code, (seen.get(code) ?? 0) + 1);
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));  // Threads takes its time
    return { body: `{"access_token":"t","user_id":17841405793187218}` };
  });
  return seen;
}

export function assertOnce(seen) {
  const twice = [...seen].filter(([, times]) => times > 1);
  assert.deepEqual(twice, [], 'a code was sent twice');
}

// So many callers, each logging in again as soon as it has its answer, until stop().
export class Callers {
  #stopped = false;
  #waiting = [];
  #loops;

  // `make` makes a request, `carry` sends it and resolves to {status, text}.
  constructor(port, count, { make = login, carry = (request) => send(port, request) } = {}) {
    this.done = 0;
    this.failed = [];
    this.#loops = Promise.all(Array.from({ length: count }, async () => {
      while (!this.#stopped) {
        const request = make();
        const began = performance.now();
        let answer;
        try {
          answer = await carry(request);
        } catch (error) {
          answer = { status: 0, text: String(error) };
        }
        this.done += 1;
        if (answer.status !== 200) this.failed.push({ began, status: answer.status, text: answer.text });
        this.#waiting = this.#waiting.filter((wait) => this.done < wait.until || wait.resolve());
      }
    }));
  }

  // Resolves after so many more answers.
  more(count) {
    return new Promise((resolve) => { this.#waiting.push({ until: this.done + count, resolve }); });
  }

  async stop() {
    this.#stopped = true;
    await this.#loops;
  }
}

// A file for a log of many lines; Stage looks at what it reads from a pipe line by line.
export function logFile(stage, name) {
  return fs.openSync(stage.path('logs', `${name}.log`), 'a');
}

// A listening socket in no event loop: {fd, address}. Whoever gets the descriptor accepts from it.
export async function listeningSocket(stage, { tcp = false } = {}) {
  const server = net.createServer();
  let address;
  if (tcp) {
    server.listen(0, '127.0.0.1', 4096);
    await once(server, 'listening');
    address = { host: '127.0.0.1', port: server.address().port };
  } else {
    const made = stage.path('made.sock');
    server.listen({ path: made, backlog: 4096, readableAll: true, writableAll: true });
    await once(server, 'listening');
    address = { path: stage.path('held.sock') };
    fs.renameSync(made, address.path);  // or close() below would remove it
  }
  return { fd: server._handle.fd, address, close: () => server.close() };
}

// The program under held.sh.
export async function startHeld(stage, { envFile, tcp, args = [] }) {
  const socket = await listeningSocket(stage, { tcp });
  const script = stage.copy(path.join(here, 'held.sh'), 'held.sh');
  const it = stage.spawn('held.sh', script, [stage.binary('threads-oauth.fcgi'), '--env-file', envFile, ...args],
    { stdio: ['ignore', 'pipe', logFile(stage, 'held'), socket.fd] });
  socket.close();
  it.address = socket.address;
  await it.said(/^started \d+$/m);
  await fastcgi.send(it.address, { path: '/' });
  // The pids of the programs so far.
  it.programs = () => [...it.out.matchAll(/^started (\d+)$/gm)].map(([, pid]) => Number(pid));
  // Sends the newest SIGTERM; resolves when it has ended with 0 and the next one runs.
  it.restart = async () => {
    const pid = it.programs().at(-1);
    process.kill(pid, 'SIGTERM');
    const [, status] = await it.said(new RegExp(`^ended ${pid} with (\\d+)\\nstarted \\d+$`, 'm'));
    assert.equal(status, '0');
    await fastcgi.send(it.address, { path: '/' });  // SIGTERM would just kill one that has not begun yet
  };
  return it;
}

const where = (address) => (address.path ? `unix:${address.path}` : `${address.host}:${address.port}`);

// nginx from nginx.conf.example before programs at these addresses: one with the example's own
// upstream block, several with that of deploy/cluster.nginx.conf.example.
export async function startNginx(stage, addresses, { workers = 2, changes = [], clusterChanges = [] } = {}) {
  const port = await freePort();
  const name = `nginx-${port}`;
  const logs = `${stage.path('logs', name)}-`;
  const block = /^upstream threads_oauth \{[^}]*\}$/m;
  let site = fill(fs.readFileSync(path.join(root, 'nginx.conf.example'), 'utf8'), [
    ['\n    listen 80;', `\n    listen 127.0.0.1:${port};`],
    ['\n    listen [::]:80;', ''],
    ['login.example.com', 'localhost 127.0.0.1'],
    ['/usr/local/share/threads-oauth/www', stage.path('www')],
    ['/var/log/nginx/', logs],
    ...(addresses.length === 1 ? [['unix:/run/threads-oauth/threads-oauth.sock', where(addresses[0])]] : []),
    ...changes,
  ]);
  if (addresses.length > 1) {
    const cluster = fill(fs.readFileSync(path.join(root, 'deploy/cluster.nginx.conf.example'), 'utf8'),
      [...addresses.map((address, i) => [`server 10.0.0.1${i + 1}:9000`, `server ${where(address)}`]), ...clusterChanges]);
    assert.match(site, block);
    site = site.replace(block, () => cluster);
  }
  stage.folder(name);
  stage.write(`${name}/site.conf`, site);
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};\n`).join('');
  const conf = stage.write(`${name}/nginx.conf`, `daemon off;
pid nginx.pid;
worker_processes ${workers};
error_log ${logs}main.error.log;
events { worker_connections 2048; }
http {
access_log off;
${temp}
include site.conf;
}
`);
  const it = stage.spawn('nginx', 'nginx', ['-p', stage.path(name), '-c', conf, '-e', `${logs}main.error.log`]);
  it.port = port;
  return stage.ready(it, { host: '127.0.0.1', port });
}

// Resident memory of a process in bytes.
export function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

// CPU time of all threads of a process in milliseconds.
export function cpuMs(pid) {
  return fs.readdirSync(`/proc/${pid}/task`)
    .map((task) => Number(fs.readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1e6)
    .reduce((sum, ms) => sum + ms, 0);
}

export function loadEnv(stage, url, settings = {}) {
  return writeEnv(stage, { THREADS_API_URL: url, THREADS_TIMEOUT: '10', ...settings });
}
