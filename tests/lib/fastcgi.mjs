// A raw FastCGI client: builds records, sends them, reads the answer's. No web server in between,
// so a test can send what a web server never would. Also the CGI variables of a request.
import { answer, parseHeaders } from './http.mjs';
import { connect, firstOf, inTime } from './stage.mjs';

export const BEGIN = 1, ABORT = 2, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, STDERR = 7, GET_VALUES = 9;

export function record(type, id, content = Buffer.alloc(0), padding = 0) {
  const head = Buffer.from([1, type, id >> 8, id & 255, content.length >> 8, content.length & 255, padding, 0]);
  return Buffer.concat([head, content, Buffer.alloc(padding)]);
}

function length(n) {
  if (n < 128) return Buffer.from([n]);
  const four = Buffer.alloc(4);
  four.writeUInt32BE(n + 0x80000000);
  return four;
}

export function encodeParams(params) {
  return Buffer.concat(Object.entries(params).flatMap(([name, value]) => {
    const [n, v] = [Buffer.from(name), Buffer.from(value)];
    return [length(n.length), length(v.length), n, v];
  }));
}

// {method, path, query, headers, body} as RFC 3875 names it.
export function cgiParams({ method = 'GET', path, query = '', headers = {}, body }) {
  const params = {
    GATEWAY_INTERFACE: 'CGI/1.1',
    SERVER_PROTOCOL: 'HTTP/1.1',
    REQUEST_METHOD: method,
    SCRIPT_NAME: decodeURIComponent(path),
    QUERY_STRING: query,
    REMOTE_ADDR: '127.0.0.1',
    HTTP_HOST: 'localhost',
  };
  if (body !== undefined) params.CONTENT_LENGTH = String(Buffer.byteLength(body));
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toUpperCase().replaceAll('-', '_');
    params[key === 'CONTENT_TYPE' || key === 'CONTENT_LENGTH' ? key : `HTTP_${key}`] = value;
  }
  return params;
}

// The bytes of a whole request.
export function encodeRequest({ params, body = '', id = 1, keep = false, chunk = 65535 }) {
  const records = [record(BEGIN, id, Buffer.from([0, 1, keep ? 1 : 0, 0, 0, 0, 0, 0]))];
  for (const [type, bytes] of [[PARAMS, encodeParams(params)], [STDIN, Buffer.from(body)]]) {
    for (let at = 0; at < bytes.length; at += chunk) records.push(record(type, id, bytes.subarray(at, at + chunk)));
    records.push(record(type, id));
  }
  return Buffer.concat(records);
}

// A CGI answer ("Status: 404 Not Found", headers, body).
export function parseCgi(bytes) {
  const match = /\r?\n\r?\n/.exec(bytes.toString('latin1'));
  if (!match) throw new Error(`no CGI answer: ${JSON.stringify(bytes.toString('latin1').slice(0, 200))}`);
  const headers = parseHeaders(bytes.subarray(0, match.index).toString('latin1').split(/\r?\n/));
  const status = headers.find(([name]) => name.toLowerCase() === 'status');
  const rest = headers.filter((header) => header !== status);
  return answer(status ? parseInt(status[1], 10) : 200, rest, bytes.subarray(match.index + match[0].length));
}

export class Connection {
  static async open(address) {
    return new Connection(await connect(address));
  }

  constructor(socket) {
    this.socket = socket;
    this.data = Buffer.alloc(0);
    this.closed = false;
    socket.on('data', (part) => { this.data = Buffer.concat([this.data, part]); });
    socket.on('error', () => {});
    socket.once('close', () => { this.closed = true; });
  }

  write(bytes) {
    this.socket.write(bytes);
  }

  // The next record, or null when the peer has closed.
  async record() {
    for (;;) {
      if (this.data.length >= 8) {
        const size = this.data.readUInt16BE(4);
        const whole = 8 + size + this.data[6];
        if (this.data.length >= whole) {
          const it = { type: this.data[1], id: this.data.readUInt16BE(2), content: this.data.subarray(8, 8 + size) };
          this.data = this.data.subarray(whole);
          return it;
        }
      }
      if (this.closed) return null;
      await inTime(firstOf(this.socket, 'data', 'close'), 'a record');
    }
  }

  // The answer to the request that was written: everything up to END_REQUEST. null: closed before it.
  async answer(id = 1) {
    const out = [];
    let stderr = '';
    for (;;) {
      const it = await this.record();
      if (it === null) return null;
      if (it.id !== id) throw new Error(`a record for request ${it.id}, not ${id}`);
      if (it.type === STDOUT) out.push(it.content);
      if (it.type === STDERR) stderr += it.content;
      if (it.type === END) {
        return { ...parseCgi(Buffer.concat(out)), stderr, appStatus: it.content.readUInt32BE(0), protocolStatus: it.content[4] };
      }
    }
  }

  async request(request, { id = 1, keep = false } = {}) {
    this.write(encodeRequest({ params: cgiParams(request), body: request.body, id, keep }));
    return this.answer(id);
  }

  close() {
    this.socket.destroy();
  }
}

// One request on a connection of its own.
export async function send(address, request) {
  const connection = await Connection.open(address);
  try {
    return await connection.request(request);
  } finally {
    connection.close();
  }
}
