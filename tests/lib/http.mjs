// HTTP by hand over a socket, so that odd requests can be sent, and the one shape of answer that
// all tests look at: {status, headers, body, text, get(name), all(name)}.
import { connect, inTime } from './stage.mjs';

let last = 1;
// Every address of 127/8 is loopback: with one per request the rate limit stays out of the way.
export function nextAddress() {
  last += 1;
  return `127.0.${1 + (last >> 8)}.${last & 255 || (last += 1) & 255}`;
}

export function answer(status, headers, body) {
  const all = (name) => headers.filter(([n]) => n.toLowerCase() === name.toLowerCase()).map(([, v]) => v);
  return { status, headers, body, text: body.toString('utf8'), all, get: (name) => all(name)[0] };
}

export function parseHeaders(lines) {
  return lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
}

function unchunk(data) {
  const parts = [];
  for (;;) {
    const end = data.indexOf('\r\n');
    const size = parseInt(data.subarray(0, end).toString('latin1'), 16);
    if (end < 0 || Number.isNaN(size)) throw new Error('broken chunk');
    if (size === 0) return Buffer.concat(parts);
    parts.push(data.subarray(end + 2, end + 2 + size));
    data = data.subarray(end + 2 + size + 2);
  }
}

// The first answer in the bytes, read up to the end of the connection.
export function parseAnswer(data, head = false) {
  const split = data.indexOf('\r\n\r\n');
  if (split < 0) throw new Error(`no HTTP answer: ${JSON.stringify(data.toString('latin1').slice(0, 200))}`);
  const [first, ...lines] = data.subarray(0, split).toString('latin1').split('\r\n');
  const status = Number(first.split(' ')[1]);
  if (status === 100) return parseAnswer(data.subarray(split + 4), head);
  const headers = parseHeaders(lines);
  let body = data.subarray(split + 4);
  const find = (name) => headers.find(([n]) => n.toLowerCase() === name)?.[1];
  if (!head && find('transfer-encoding') === 'chunked') body = unchunk(body);
  else if (!head && find('content-length') !== undefined && body.length !== Number(find('content-length'))) {
    throw new Error(`Content-Length ${find('content-length')}, but ${body.length} bytes came`);
  }
  return answer(status, headers, body);
}

// Sends the bytes as they are, from one of this machine's addresses, and returns the answer.
export async function sendRaw(port, bytes, { head = false, from = nextAddress(), end = false } = {}) {
  const socket = await connect({ port, host: from.includes(':') ? '::1' : '127.0.0.1', localAddress: from });
  const parts = [];
  socket.on('data', (part) => parts.push(part));
  socket.on('error', () => {});  // a server may reset once it has answered what it did not want
  if (end) socket.end(bytes); else socket.write(bytes);
  await inTime(new Promise((resolve) => { socket.once('close', resolve); }), 'the end of the answer');
  return parseAnswer(Buffer.concat(parts), head);
}

// The bytes of a request {method, path, query, headers, body}.
export function formatRequest({ method = 'GET', path, query, headers = {}, body }, host) {
  const lines = [`${method} ${path}${query === undefined ? '' : `?${query}`} HTTP/1.1`, `Host: ${host}`, 'Connection: close'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body);
  const named = Object.keys(headers).map((name) => name.toLowerCase());
  if (body !== undefined && !named.includes('content-length') && !named.includes('transfer-encoding')) {
    lines.push(`Content-Length: ${bytes.length}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes]);
}

export function send(port, request, options = {}) {
  const bytes = formatRequest(request, `127.0.0.1:${port}`);
  return sendRaw(port, bytes, { head: request.method === 'HEAD', ...options });
}
