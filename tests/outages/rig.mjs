// What the outage tests share: a Threads that speaks TLS and HTTP/2, and what a caller sees.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import { token } from '../lib/canaries.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { send } from '../lib/fastcgi.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';

export const me = { path: '/me', headers: { Authorization: `Bearer ${token}` } };

// HTTP/2 over TLS at 127.0.0.1. Each connection is an entry of `connections`: {session, port, streams}.
export class Threads {
  // `answer(stream, connection)` plays Threads; by default each request gets 200 at once.
  static async start(stage, { answer, host = 'threads.test' } = {}) {
    const made = new Certificates(stage);
    const authority = made.authority('outages-ca');
    const threads = new Threads();
    threads.ca = authority.file;
    threads.host = host;
    threads.answer = answer ?? succeed;
    const { key, cert } = made.server('threads', { issuer: authority, names: `DNS:${host},DNS:localhost` });
    threads.server = http2.createSecureServer({ key, cert });
    threads.server.on('session', (session) => {
      const connection = { session, port: session.socket.remotePort, streams: 0 };
      threads.connections.push(connection);
      session.on('error', () => {});
      session.on('stream', (stream) => {
        connection.streams += 1;
        stream.on('error', () => {});
        threads.answer(stream, connection);
      });
    });
    threads.server.listen(0, '127.0.0.1');
    await once(threads.server, 'listening');
    threads.port = threads.server.address().port;
    stage.closers.push(() => threads.close());
    return threads;
  }

  constructor() {
    this.connections = [];
  }

  // The program with Threads here.
  program(stage, settings = {}, options = {}) {
    const envFile = writeEnv(stage, { THREADS_API_URL: `https://${this.host}:${this.port}`, THREADS_CA_FILE: this.ca, ...settings });
    return startProgram(stage, { envFile, ...options });
  }

  close() {
    for (const { session } of this.connections) session.destroy();
    this.server.close();
  }
}

export function succeed(stream) {
  stream.respond({ ':status': 200, 'content-type': 'application/json' });
  stream.end('{"id":"1"}');
}

// Callers that come one after the other or side by side, each noted as {began, ended, status}: `began` and
// `ended` count events of this log, so that "before" and "after" do not depend on a clock.
export class Callers {
  constructor(address) {
    this.address = address;
    this.clock = 0;
    this.exchanges = [];
  }

  async call(request = me) {
    const exchange = { began: this.clock += 1 };
    this.exchanges.push(exchange);
    exchange.status = (await send(this.address, request)).status;
    exchange.ended = this.clock += 1;
    return exchange.status;
  }

  // Whoever came after the outage was first seen by somebody was served.
  assertRecovered() {
    const first = Math.min(...this.exchanges.filter(({ status }) => status !== 200).map(({ ended }) => ended));
    const later = this.exchanges.filter(({ began }) => began > first);
    assert.deepEqual(later.filter(({ status }) => status !== 200), [], 'a failure after the outage had been noticed');
  }
}
