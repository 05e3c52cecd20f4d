// What the tests of this folder share: nginx, program and sandbox on a stage, deploy/threads-token run
// as a person or a timer would, and the browser that a login needs, played.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { after, before } from 'node:test';
import { send } from '../lib/http.mjs';
import { startNginx, startProgram, startSandbox, writeEnv } from '../lib/servers.mjs';
import { freePort, root, Stage } from '../lib/stage.mjs';

export const day = 86_400;
export const start = 1_800_000_000;  // the tool's clock at the beginning of a test

// The bytes of an HTTP answer; `length` is what it says of its body's length.
export const answer = (status, body, length = body.length) => `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n${body}`;

const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

// To be called once by a test file.
export function rig() {
  const it = new Rig();
  before(() => it.start());
  after(() => it.stage.close());
  return it;
}

class Rig {
  stage = new Stage();
  now = start;
  #folders = 0;

  async start() {
    const { stage } = this;
    this.sandboxPort = await freePort();
    const threads = `http://127.0.0.1:${this.sandboxPort}`;
    this.envFile = writeEnv(stage, { THREADS_API_URL: threads, THREADS_AUTH_URL: `${threads}/oauth/authorize`, THREADS_TIMEOUT: '0.5' });
    const [program, sandbox] = await Promise.all([startProgram(stage, { envFile: this.envFile }), startSandbox(stage, { envFile: this.envFile })]);
    const nginx = await startNginx(stage, { socket: program.address.path, sandboxSocket: sandbox.address.path, sandboxPort: this.sandboxPort });
    this.server = nginx.url;
    this.port = nginx.port;
    this.tool = stage.copy(path.join(root, 'deploy/threads-token'), 'bin/threads-token');
    this.nowhere = 'http://127.0.0.1:1';  // no other test can be given this port
  }

  // A server that hands each request to the test and holds its answer until the test gives one: `next()` resolves to
  // {method, path, headers, body, answer(bytes)}, and `count` is how many requests came.
  async holding() {
    const held = [];
    const waiting = [];
    const it = { count: 0, next: () => (held.length ? Promise.resolve(held.shift()) : new Promise((resolve) => { waiting.push(resolve); })) };
    const server = http.createServer(async (request) => {
      const { method, url, headers, socket } = request;
      it.count += 1;
      const parts = await request.toArray();
      const handed = { method, path: url, headers, body: Buffer.concat(parts).toString(), answer: (bytes) => socket.end(bytes) };
      if (waiting.length) waiting.shift()(handed);
      else held.push(handed);
    });
    await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
    this.stage.closers.push(() => { server.close(); server.closeAllConnections(); });
    it.url = `http://127.0.0.1:${server.address().port}`;
    return it;
  }

  // A server that answers every request with these bytes, or what the function makes of it, and hangs up; resolves to
  // its address.
  async scripted(bytes) {
    const { url, next } = await this.holding();
    const serve = (request) => { request.answer(typeof bytes === 'function' ? bytes(request) : bytes); next().then(serve); };
    next().then(serve);
    return url;
  }

  // A folder of its own for a token, with a blank in its name.
  folder() {
    this.#folders += 1;
    return this.stage.folder(`bot ${this.#folders}`);
  }

  // Starts the tool. Its standard input is open unless `input` is all of it; `account` is who runs it: {uid, gid}.
  spawn(args, { env = {}, shell = ['/bin/sh'], input, account = {} } = {}) {
    const [command, ...before_] = shell;
    const run = this.stage.spawn('threads-token', command, [...before_, this.tool, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...account,
      env: { HOME: this.stage.path('home'), LANG: 'en_US.UTF-8', THREADS_TOKEN_NOW: String(this.now), THREADS_TOKEN_SERVER: this.server, ...env },
    });
    run.child.stdin.on('error', () => {});  // it need not read what it does not want
    if (input !== undefined) run.child.stdin.end(input);
    return run;
  }

  async run(args, options) {
    return this.ended(this.spawn(args, { input: '', ...options }));
  }

  async ended(run) {
    const { code } = await run.exited;
    const result = { code, out: run.out, err: run.err };
    run.out = run.err = '';  // a token that was asked for is in no log
    return result;
  }

  // What a browser does with the address of a login: the address that it ends at.
  async decide(address, decision = 'allow') {
    const url = new URL(address);
    const answer = await send(Number(url.port), { method: 'POST', path: url.pathname, headers: form, body: `${url.searchParams}&decision=${decision}` });
    return answer.get('Location') ?? answer.text;
  }

  // A login; `paste` makes what is pasted of the address that the login ends at.
  async login(file, { args = [], decision, paste = (landed) => landed, ...options } = {}) {
    const run = this.spawn(['--file', file, ...args, 'login'], options);
    const [address] = await Promise.race([run.said(/http\S+\/oauth\/authorize\S+/), run.exited.then(() => [])]);
    if (address) run.child.stdin.end(`${await paste(await this.decide(address, decision))}\n`);
    return { ...await this.ended(run), address };
  }

  async loggedIn(options) {
    const file = path.join(this.folder(), 'token.json');
    const { code, err } = await this.login(file, options);
    assert.equal(code, 0, err);
    return file;
  }

  stored(file) {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  }

  // Time for the sandbox and for the tool alike.
  async pass(text) {
    await this.sandbox('clock', `pass=${text}`);
    const [, count, unit] = /^(\d+)([dhs])$/.exec(text);
    this.now += Number(count) * { d: day, h: 3600, s: 1 }[unit];
  }

  async sandbox(what, body) {
    const answer = await send(this.sandboxPort, { method: 'POST', path: `/sandbox/${what}`, headers: form, body });
    assert.equal(answer.status, 302, answer.text);
  }

  // While the body runs, the sandbox's API answers so.
  async mode(mode, body) {
    await this.sandbox('mode', `mode=${mode}`);
    try {
      return await body();
    } finally {
      await this.sandbox('mode', 'mode=normal');
    }
  }

  async inspect(token) {
    const answer = await send(this.port, { path: '/debug-token', headers: { Authorization: `Bearer ${token}` } });
    return answer.status === 200 ? JSON.parse(answer.text).data : { is_valid: false };
  }

  // Runs the tool, which must fail with this status and leave file and folder as they are.
  async fails(file, status, run) {
    const folder = path.dirname(file);
    const kept = () => [fs.readFileSync(file, 'utf8'), fs.statSync(file).ino, fs.readdirSync(folder).sort()];
    const before_ = kept();
    const result = await run();
    assert.equal(result.code, status, result.err);
    assert.match(result.err, /^threads-token: .+/m);
    assert.deepEqual(kept(), before_, 'the stored token is as it was');
    return result;
  }
}
