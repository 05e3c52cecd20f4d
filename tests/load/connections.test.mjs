// The connections to Threads: shared by HTTP/2, kept, and no login lost when Threads closes them.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import http2 from 'node:http2';
import https from 'node:https';
import { after, before, describe, test } from 'node:test';
import { Certificates } from '../lib/certificates.mjs';
import * as fastcgi from '../lib/fastcgi.mjs';
import { startProgram } from '../lib/servers.mjs';
import { freePort, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { assertOnce, Callers, countCodes, loadEnv, login } from './load.mjs';

const stage = new Stage();
let authority;
let certificate;
before(() => {
  const certificates = new Certificates(stage);
  authority = certificates.authority('load-ca');
  certificate = certificates.server('load', { issuer: authority });
});
after(() => stage.close());

// An https upstream that counts its connections, TLS handshakes, codes, and the exchanges that are under way.
class TlsUpstream {
  static async start(options = {}) {
    const upstream = new TlsUpstream(options);
    upstream.server.listen(0, '127.0.0.1', 4096);
    await once(upstream.server, 'listening');
    stage.closers.push(() => upstream.close());
    return upstream;
  }

  constructor({ http1 = false, settings } = {}) {
    const { key, cert } = certificate;
    this.server = http1 ? https.createServer({ key, cert }) : http2.createSecureServer({ key, cert, settings });
    this.server.keepAliveTimeout = 60_000;
    this.connections = 0;
    this.handshakes = { whole: 0, resumed: 0 };
    this.seen = new Map();
    this.busy = 0;
    this.sessions = new Set();
    this.sockets = new Set();
    this.gate = null;
    this.server.on('connection', () => { this.connections += 1; });
    this.server.on('secureConnection', (socket) => {
      this.handshakes[socket.isSessionReused() ? 'resumed' : 'whole'] += 1;
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
    this.server.on('session', (session) => {
      this.sessions.add(session);
      session.once('close', () => this.sessions.delete(session));
      session.on('error', () => {});
    });
    this.server.on('request', (req, res) => this.#serve(req, res));
  }

  get url() {
    return `https://localhost:${this.server.address().port}`;
  }

  program(args = []) {
    return startProgram(stage, { envFile: loadEnv(stage, this.url, { THREADS_CA_FILE: authority.file }), args });
  }

  // Resolves when so many exchanges are there at once.
  async crowd(count) {
    while (this.busy < count) await once(this.server, 'busy');
  }

  async #serve(req, res) {
    const parts = [];
    for await (const part of req) parts.push(part);
    const code = new URLSearchParams(Buffer.concat(parts).toString()).get('code');
    this.seen.set(code, (this.seen.get(code) ?? 0) + 1);
    this.busy += 1;
    this.server.emit('busy');
    await this.gate;
    this.busy -= 1;
    res.setHeader('Content-Type', 'application/json');
    res.end('{"access_token":"t","user_id":17841405793187218}');
  }

  close() {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => { this.server.close(resolve); });
  }
}

const statusesOf = (answers) => [...new Set(answers.map((answer) => answer?.status))];

describe('HTTP/2', () => {
  test('1,000 exchanges at once over at most 20 connections, a TLS handshake each', { timeout: 30_000 }, async (t) => {
    const upstream = await TlsUpstream.start();
    const it = await upstream.program();
    let release;
    upstream.gate = new Promise((resolve) => { release = resolve; });
    const answers = Promise.all(Array.from({ length: 1000 }, () => fastcgi.send(it.address, login())));
    await upstream.crowd(1000);
    release();
    assert.deepEqual(statusesOf(await answers), [200]);
    t.diagnostic(`${upstream.connections} connections, TLS handshakes ${JSON.stringify(upstream.handshakes)}`);
    assert.ok(upstream.connections <= 20, `${upstream.connections} connections`);
    assert.equal(upstream.handshakes.whole + upstream.handshakes.resumed, upstream.connections);
    assertOnce(upstream.seen);

    // And all that comes later uses them again.
    const before = upstream.connections;
    for (let i = 0; i < 30; i += 1) assert.equal((await fastcgi.send(it.address, login())).status, 200);
    await Promise.all(Array.from({ length: 300 }, () => fastcgi.send(it.address, login())));
    assert.equal(upstream.connections, before);
    assertOnce(upstream.seen);
  });

  test('two workers have connections of their own', { timeout: 20_000 }, async () => {
    const upstream = await TlsUpstream.start();
    const it = await upstream.program(['--workers', '2']);
    const answers = await Promise.all(Array.from({ length: 200 }, () => fastcgi.send(it.address, login())));
    assert.deepEqual(statusesOf(answers), [200]);
    assert.ok(upstream.connections <= 24, `${upstream.connections} connections`);
    assertOnce(upstream.seen);
  });

  // What most servers allow. (Before a server has said so libcurl reckons with 100.)
  test('a server that allows 100 streams a connection', { timeout: 20_000 }, async () => {
    const upstream = await TlsUpstream.start({ settings: { maxConcurrentStreams: 100 } });
    const it = await upstream.program();
    const answers = await Promise.all(Array.from({ length: 400 }, () => fastcgi.send(it.address, login())));
    assert.deepEqual(statusesOf(answers), [200]);
    assert.ok(upstream.connections <= 14, `${upstream.connections} connections`);
    assertOnce(upstream.seen);
  });

  for (const [how, end] of Object.entries({
    'GOAWAY, then the end': (session) => session.close(),
    'the end alone': (session) => session.destroy(),
  })) {
    test(`idle connections are closed by ${how}: the next login is fine`, { timeout: 20_000 }, async () => {
      const upstream = await TlsUpstream.start();
      const it = await upstream.program();
      for (let round = 0; round < 5; round += 1) {
        const answers = await Promise.all(Array.from({ length: 5 }, () => fastcgi.send(it.address, login())));
        assert.deepEqual(statusesOf(answers), [200]);
        for (const session of upstream.sessions) end(session);  // the login need not find out by itself
      }
      assertOnce(upstream.seen);
    });
  }

  test('a server that says GOAWAY after every 100 exchanges (nginx): nothing is lost', { timeout: 20_000 }, async (t) => {
    const behind = await Upstream.start(stage);
    const seen = countCodes(behind);
    const port = await freePort();
    stage.folder('h2');
    const conf = stage.write('h2/nginx.conf', `daemon off;
pid nginx.pid;
error_log stderr;
events { worker_connections 1024; }
http {
log_format connections 'connection $connection';
access_log ${stage.path('logs', 'h2-connections')} connections;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};\n`).join('')}
upstream behind { server 127.0.0.1:${behind.port}; keepalive 64; }
server {
  listen 127.0.0.1:${port} ssl http2;
  ssl_certificate ${certificate.file};
  ssl_certificate_key ${stage.write('h2/key', certificate.key)};
  keepalive_requests 100;
  location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection ""; }
}
}
`);
    const nginx = stage.spawn('nginx', 'nginx', ['-p', stage.path('h2'), '-c', conf, '-e', 'stderr']);
    await stage.ready(nginx, { host: '127.0.0.1', port });
    const it = await startProgram(stage, { envFile: loadEnv(stage, `https://localhost:${port}`, { THREADS_CA_FILE: authority.file }) });
    const callers = new Callers(0, 20, { carry: (request) => fastcgi.send(it.address, request) });
    await callers.more(1000);
    await callers.stop();
    const connections = new Set(fs.readFileSync(stage.path('logs', 'h2-connections'), 'utf8').split('\n').filter(Boolean));
    t.diagnostic(`${callers.done} logins over ${connections.size} connections`);
    assert.ok(connections.size >= 10);
    assert.deepEqual(callers.failed, []);
    assertOnce(seen);
  });
});

describe('HTTP/1.1', () => {
  test('over TLS: connections are kept, and sessions resumed', { timeout: 20_000 }, async (t) => {
    const upstream = await TlsUpstream.start({ http1: true });
    const it = await upstream.program();
    for (let i = 0; i < 10; i += 1) assert.equal((await fastcgi.send(it.address, login())).status, 200);
    assert.equal(upstream.connections, 1);
    const answers = await Promise.all(Array.from({ length: 20 }, () => fastcgi.send(it.address, login())));
    assert.deepEqual(statusesOf(answers), [200]);
    t.diagnostic(`${upstream.connections} connections, TLS handshakes ${JSON.stringify(upstream.handshakes)}`);
    assert.ok(upstream.connections <= 20);
    assert.ok(upstream.handshakes.whole < upstream.connections, 'no session was resumed');
    assertOnce(upstream.seen);
  });

  test('over TLS: idle connections are closed by the server: the next login is fine', { timeout: 20_000 }, async () => {
    const upstream = await TlsUpstream.start({ http1: true });
    const it = await upstream.program();
    for (let round = 0; round < 5; round += 1) {
      assert.deepEqual(statusesOf(await Promise.all(Array.from({ length: 5 }, () => fastcgi.send(it.address, login())))), [200]);
      for (const socket of upstream.sockets) socket.destroySoon();  // says so, then closes
    }
    assertOnce(upstream.seen);
  });

  test('idle connections are closed under load: nothing is lost', { timeout: 20_000 }, async () => {
    const upstream = await Upstream.start(stage);
    const it = await startProgram(stage, { envFile: loadEnv(stage, upstream.url) });
    const seen = countCodes(upstream);
    // libcurl tries five dead connections for one exchange, no more.
    const callers = new Callers(0, 4, { carry: (request) => fastcgi.send(it.address, request) });
    for (let round = 0; round < 10; round += 1) {
      await callers.more(50);
      upstream.server.closeIdleConnections();
    }
    await callers.stop();
    assert.deepEqual(callers.failed, []);
    assertOnce(seen);
  });
});
