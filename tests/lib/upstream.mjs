// A loopback HTTP server that plays Threads: it answers what the test has scripted and keeps what
// was sent to it.
import { once } from 'node:events';
import http from 'node:http';
import { inTime } from './stage.mjs';

// An answer: {status, headers, body}, or {raw: bytes} written as they are before the connection is
// closed, or {hang: true}, or {reset: true}, or a function of the request that returns one.
export class Upstream {
  static async start(stage) {
    const upstream = new Upstream();
    upstream.server.listen(0, '127.0.0.1');
    await once(upstream.server, 'listening');
    upstream.port = upstream.server.address().port;
    upstream.url = `http://127.0.0.1:${upstream.port}`;
    stage.closers.push(() => upstream.close());
    return upstream;
  }

  constructor() {
    this.requests = [];
    this.script = { status: 500, body: 'nothing scripted' };
    this.server = http.createServer((req, res) => this.#serve(req, res));
    this.server.keepAliveTimeout = 60_000;
  }

  // Sets the answer and forgets the requests so far.
  answers(script) {
    this.script = script;
    this.requests = [];
  }

  // Resolves once a request has arrived.
  async asked() {
    if (this.requests.length === 0) await inTime(once(this.server, 'asked'), 'a request to Threads');
    return this.requests[0];
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => { this.server.close(resolve); });
  }

  async #serve(req, res) {
    const parts = [];
    for await (const part of req) parts.push(part);
    const [path, query = ''] = req.url.split('?');
    const request = { method: req.method, path, query, headers: req.headers, body: Buffer.concat(parts).toString() };
    this.requests.push(request);
    this.server.emit('asked');
    const script = typeof this.script === 'function' ? await this.script(request) : this.script;
    if (script.hang) return;
    if (script.reset) { req.socket.resetAndDestroy(); return; }
    if (script.raw !== undefined) { req.socket.end(script.raw); return; }
    // None of these may be passed on to the caller.
    res.writeHead(script.status ?? 200, {
      'Content-Type': 'application/json; charset=UTF-8', 'X-Upstream': 'yes', 'Set-Cookie': 'upstream=1', ...script.headers,
    });
    res.end(script.body);
  }
}
