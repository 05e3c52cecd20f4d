// A stage for one test file: a folder of its own, the servers started in it, and their logs.
// Everything on it ends and is removed by close(), also when a test has failed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));
// Where `make` builds, and where the programs under test are: those with a sanitizer have a folder of their own.
export const build = path.resolve(root, process.env.BUILD ?? 'build');
const programs = path.resolve(root, process.env.THREADS_BUILD ?? build);
export const reader = path.join(build, 'docs');  // what /docs shows the description with

// As root the servers run as www-data, as they do on a real machine.
const account = process.getuid() === 0 ? lookUp('www-data') : {};

function lookUp(name) {
  const line = fs.readFileSync('/etc/passwd', 'utf8').split('\n').find((l) => l.startsWith(`${name}:`));
  const [, , uid, gid] = line.split(':');
  return { uid: Number(uid), gid: Number(gid) };
}

// A port that was free a moment ago.
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

// Waits for something that a peer has to do. A peer that never does it fails the test instead of hanging it.
export async function inTime(promise, what, ms = 20_000) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

// Resolves at the first of these events. Leaves no listener behind, as once() of each of them would.
export function firstOf(emitter, ...events) {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) emitter.off(event, done);
      resolve();
    };
    for (const event of events) emitter.on(event, done);
  });
}

// Connects to {path} or {port, host}; rejects with the socket's error.
export async function connect(address) {
  const socket = net.connect(address);
  await inTime(once(socket, 'connect'), 'a connection');
  return socket;
}

// Should the tests be interrupted, no server and no folder may stay.
const open = new Set();
process.on('exit', () => {
  for (const stage of open) {
    for (const it of stage.processes) if (!it.over) it.child.kill('SIGKILL');
    fs.rmSync(stage.dir, { recursive: true, force: true });
  }
});
// (Not "once": a second signal would then end this process in the middle of its cleaning up.)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));

export class Stage {
  #folders = [];

  constructor() {
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'threads-oauth-test-'));
    fs.chmodSync(this.dir, 0o755);
    this.#own(this.dir);
    this.processes = [];
    this.closers = [];
    open.add(this);
    fs.mkdirSync(this.path('logs'));
    this.#own(this.path('logs'));
    this.copy(path.join(root, 'www'), 'www');
    if (fs.existsSync(reader)) this.copy(reader, 'www');
  }

  path(...parts) {
    return path.join(this.dir, ...parts);
  }

  write(name, text, mode = 0o600) {
    const file = this.path(name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, text, { mode });
    fs.chmodSync(file, mode);
    this.#own(file);
    return file;
  }

  folder(name) {
    const folder = this.path(name);
    fs.mkdirSync(folder, { recursive: true });
    this.#own(folder);
    if (name.startsWith('logs/')) this.#folders.push(folder);
    return folder;
  }

  copy(from, name) {
    const to = this.path(name);
    fs.cpSync(from, to, { recursive: true, dereference: true });
    fs.chmodSync(to, 0o755);
    return to;
  }

  // The program itself ('threads-oauth.fcgi' or 'threads-sandbox.fcgi'), copied here once: the
  // checkout may be in a folder that www-data cannot enter.
  binary(name) {
    return fs.existsSync(this.path(name)) ? this.path(name) : this.copy(path.join(programs, name), name);
  }

  // Starts a process. Its output is kept; `exited` resolves to {code, signal}.
  spawn(name, command, args, options = {}) {
    const child = spawn(command, args, {
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...account,
      ...options,
      env: { PATH: process.env.PATH, ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '', ...options.env },
    });
    const it = { name, child, args: [command, ...args], out: '', err: '', pid: child.pid };
    child.stdout?.on('data', (data) => { it.out += data; child.emit('said'); });
    child.stderr?.on('data', (data) => { it.err += data; child.emit('said'); });
    it.exited = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => { it.over = true; resolve({ code, signal }); });
    });
    it.exited.catch(() => {});
    // Resolves when its output matches; rejects if it ends or stays silent.
    it.said = (pattern, ms = 10_000) => new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(it.out + it.err);
        if (match) { clearTimeout(timer); child.off('said', look); resolve(match); }
      };
      const timer = setTimeout(() => reject(new Error(`${name} never said ${pattern}:\n${it.out}${it.err}`)), ms);
      child.on('said', look);
      it.exited.then(() => { look(); clearTimeout(timer); reject(new Error(`${name} ended:\n${it.out}${it.err}`)); });
      look();
    });
    this.processes.push(it);
    return it;
  }

  // Resolves when something accepts at the address; rejects if the process ends first.
  async ready(it, address, ms = 15_000) {
    const deadline = Date.now() + ms;
    for (;;) {
      try {
        (await connect(address)).destroy();
        return it;
      } catch (error) {
        const logs = () => [...this.logs()].map(([n, t]) => `== ${n}\n${t}`).join('\n');
        if (it.over) throw new Error(`${it.name} ended before it listened:\n${logs()}`);
        if (Date.now() > deadline) throw new Error(`${it.name} does not listen: ${error.message}\n${logs()}`);
        await new Promise((resolve) => setTimeout(resolve, 5));  // a socket's birth has no event
      }
    }
  }

  // Everything that was logged: name -> text.
  logs() {
    const texts = new Map(this.processes.map((it) => [`${it.name} (${it.pid})`, it.out + it.err]));
    for (const folder of [this.path('logs'), ...this.#folders]) {
      for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
        if (entry.isFile()) texts.set(entry.name, fs.readFileSync(path.join(folder, entry.name), 'utf8'));
      }
    }
    return texts;
  }

  // The command lines of what runs here now: name -> text.
  commandLines() {
    const texts = new Map();
    for (const it of this.processes.filter((p) => !p.over)) {
      try {
        texts.set(`command line of ${it.name}`, fs.readFileSync(`/proc/${it.pid}/cmdline`, 'utf8'));
      } catch { /* it has just ended */ }
    }
    return texts;
  }

  async close() {
    for (const it of [...this.processes].reverse()) {
      if (it.over) continue;
      it.child.kill('SIGTERM');
      const late = setTimeout(() => it.child.kill('SIGKILL'), 5_000);
      await it.exited.catch(() => {});
      clearTimeout(late);
    }
    for (const close of this.closers) await close();
    fs.rmSync(this.dir, { recursive: true, force: true });
    open.delete(this);
  }

  #own(file) {
    if (account.uid !== undefined) fs.chownSync(file, account.uid, account.gid);
  }
}
