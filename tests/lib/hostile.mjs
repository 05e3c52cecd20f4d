// What the hostile suites share: a Threads that is scripted byte by byte, HTTP that may be as broken as
// a test wants it, what every answer must have, and what a process tells about itself.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { appSecret, assertNoCanary, clientSecret, code } from './canaries.mjs';
import { answer, nextAddress, parseAnswer } from './http.mjs';
import { connect, firstOf, inTime } from './stage.mjs';

export const hasSanitizers = /asan|tsan/.test(process.env.THREADS_BUILD ?? '');

// The bytes of an HTTP answer.
export function reply(status, body = '', headers = {}) {
  const bytes = Buffer.from(body);
  const lines = [`HTTP/1.1 ${status} X`, 'Content-Type: application/json', `Content-Length: ${bytes.length}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}

// A loopback TCP server; it and its connections end with the stage.
export async function listen(stage, handle) {
  const sockets = new Set();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});  // peers of these tests leave when they have had enough
    socket.on('close', () => sockets.delete(socket));
    handle(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.closers.push(() => new Promise((resolve) => {
    server.close(resolve);
    for (const socket of sockets) socket.destroy();
  }));
  return server;
}

// A loopback server that hands each HTTP request to script(socket, request) and leaves the rest to it.
// It keeps every byte that came.
export class Wire {
  // {server}: what takes the connections, for TLS.
  static async start(stage, script, { server = net.createServer() } = {}) {
    const wire = new Wire();
    wire.script = script;
    wire.server = server;
    server.on('secureConnection' in server || server.setSecureContext ? 'secureConnection' : 'connection', (socket) => wire.#serve(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    wire.port = server.address().port;
    wire.url = `http://127.0.0.1:${wire.port}`;
    stage.closers.push(() => wire.close());
    return wire;
  }

  constructor() {
    this.connections = 0;
    this.requests = [];
    this.received = [];
    this.sockets = new Set();
  }

  get bytes() {
    return Buffer.concat(this.received);
  }

  hangUp() {
    for (const socket of this.sockets) socket.destroy();
  }

  close() {
    this.hangUp();
    return new Promise((resolve) => { this.server.close(resolve); });
  }

  #serve(socket) {
    this.connections += 1;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});  // peers of these tests leave when they have had enough
    let data = Buffer.alloc(0);
    socket.on('data', (part) => {
      this.received.push(part);
      data = Buffer.concat([data, part]);
      for (;;) {
        const split = data.indexOf('\r\n\r\n');
        if (split < 0) return;
        const head = data.subarray(0, split).toString('latin1');
        const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
        if (data.length < split + 4 + length) return;
        const [method, target] = head.split(' ');
        const request = { method, target, head, body: data.subarray(split + 4, split + 4 + length).toString() };
        data = data.subarray(split + 4 + length);
        this.requests.push(request);
        this.server.emit('asked', request);
        Promise.resolve(this.script?.(socket, request)).catch(() => socket.destroy());
      }
    });
  }
}

// Writes and waits until it is on its way; false once the peer has gone.
export async function push(socket, bytes) {
  if (socket.destroyed) return false;
  if (!socket.write(bytes)) await inTime(firstOf(socket, 'drain', 'close'), 'a peer that reads');
  return !socket.destroyed;
}

export const tick = () => new Promise((resolve) => { setImmediate(resolve); });
export const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

// Resolves when the condition holds; fails after ms.
export async function until(condition, what, ms = 5_000) {
  const deadline = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) assert.fail(`${what}: not within ${ms} ms`);
    await pause(10);
  }
}

export async function timed(work) {
  const began = performance.now();
  const value = await work();
  return [value, performance.now() - began];
}

// Sends bytes (or what an async generator yields) to a web server. The answer, or null if it closed
// without one. {head}: a HEAD answer; {end}: half-close after the bytes.
export async function talk(port, bytes, { head = false, end = false, ms = 15_000, from = nextAddress() } = {}) {
  const socket = await connect({ port, host: '127.0.0.1', localAddress: from });
  const parts = [];
  socket.on('data', (part) => parts.push(part));
  socket.on('error', () => {});  // a server may reset once it has answered what it did not want
  const closed = new Promise((resolve) => { socket.once('close', resolve); });
  const late = setTimeout(() => socket.destroy(), ms);
  if (Buffer.isBuffer(bytes) || typeof bytes === 'string') socket.write(bytes, 'latin1');
  else for await (const part of bytes) if (!(await push(socket, part))) break;
  if (end) socket.end();
  await closed;
  clearTimeout(late);
  const data = Buffer.concat(parts);
  if (data.length === 0) return null;
  // To a request without a version (HTTP/0.9) servers send a body alone.
  return /^HTTP\/1/.test(data.subarray(0, 6).toString('latin1')) ? parseAnswer(data, head) : answer(0, [], data);
}

const contract = {
  'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
};

export function show(answer) {
  return answer === null ? 'no answer' : `${answer.status} ${JSON.stringify(answer.headers)} ${answer.text.slice(0, 300)}`;
}

// What holds for every answer of the program, and for what a web server says in its place.
export function assertContract(answer, statuses, { head = false } = {}) {
  const shown = show(answer);
  assert.ok([statuses].flat().includes(answer.status), `expected ${statuses}: ${shown}`);
  for (const [name, value] of Object.entries(contract)) assert.deepEqual(answer.all(name), [value], `${name}: ${shown}`);
  assertNoCanary(JSON.stringify(answer.headers), 'a header');
  for (const [name, value] of answer.headers) {
    assert.doesNotMatch(name + value, /[\r\n\0]/, shown);
    assert.doesNotMatch(name, /^(x-injected|set-cookie|location|x-upstream|x-powered-by|access-control-.*)$/i, shown);
  }
  if (answer.all('server').length) assert.doesNotMatch(answer.get('server'), /\d/, shown);
  if (head) {
    assert.equal(answer.text, '', shown);
    return undefined;
  }
  const body = JSON.parse(answer.text);
  if (answer.status === 200) {
    for (const secret of [appSecret, clientSecret, code]) assert.ok(!answer.text.includes(secret), `a secret in an answer: ${shown}`);
  } else {
    assert.ok('detail' in body, shown);
    assertNoCanary(answer.text, 'the body of an error');
  }
  return body;
}

// A figure of /proc/PID/status in KiB.
export function memory(pid, field = 'VmRSS') {
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

export function descriptors(pid) {
  return fs.readdirSync(`/proc/${pid}/fd`).length;
}

// The sockets that a process holds: {unix, tcp}. libcurl keeps idle ones to Threads, as many as were
// once in use together.
export function sockets(pid) {
  const held = new Set(fs.readdirSync(`/proc/${pid}/fd`).map((fd) => {
    try { return /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]; } catch { return undefined; }
  }));
  const count = (file, column) => fs.readFileSync(`/proc/${pid}/net/${file}`, 'utf8').trim().split('\n').slice(1).filter((line) => held.has(line.trim().split(/\s+/)[column])).length;
  return { unix: count('unix', 6), tcp: count('tcp', 9) };
}

// CPU time used so far, in clock ticks (100 a second).
export function cpuTicks(pid) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

// The command lines of everything that runs on this machine but this process and its ancestors.
export function everyCommandLine() {
  const texts = [];
  for (const pid of fs.readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      texts.push(`${pid} ${fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ')}`);
    } catch { /* it has just ended */ }
  }
  return texts.join('\n');
}
