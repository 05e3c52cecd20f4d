// A Threads that floods an HTTP/2 connection with frames that carry nothing. libcurl reads as long as there
// is something to read, so its caller may wait beyond the timeout, and others with it (supervisor.test.mjs has
// the remedy). But nothing grows, the caller is told, and the next one is served.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import tls from 'node:tls';
import { after, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { send } from '../lib/fastcgi.mjs';
import { hasSanitizers, memory, push } from '../lib/hostile.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { me } from './rig.mjs';

const stage = new Stage();
after(() => stage.close());
const certificates = new Certificates(stage);
const authority = certificates.authority('flood-ca');
const { key, cert } = certificates.server('flood', { issuer: authority });

// RFC 9113 §4.1.
function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
const [DATA, HEADERS, SETTINGS, PING, WINDOW_UPDATE, ALTSVC] = [0, 1, 4, 6, 8, 10];
const ACK = 1;
const END_HEADERS = 4;

// [what, the frame that comes again and again]
const floods = [
  ['empty DATA', frame(DATA, 0, 1)],
  ['WINDOW_UPDATE', frame(WINDOW_UPDATE, 0, 0, Buffer.from([0, 0, 0, 1]))],
  ['PING', frame(PING, 0, 0, Buffer.alloc(8))],
  ['acknowledged SETTINGS', frame(SETTINGS, ACK, 0)],
  ['ALTSVC', frame(ALTSVC, 0, 1, Buffer.from('\0\0h3=":443"'))],
  // HPACK (RFC 7541 §6.2.2): the name :status of the static table, the value "103".
  ['answers 103', frame(HEADERS, END_HEADERS, 1, Buffer.from([0x08, 3, ...Buffer.from('103')]))],
];

async function startFlood(bytes) {
  const many = Buffer.concat(Array.from({ length: 4_000 }, () => bytes));
  const flood = { floods: true };
  const sockets = new Set();
  const server = tls.createServer({ key, cert, ALPNProtocols: ['h2'] }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.write(frame(SETTINGS, 0, 0));
    socket.once('data', async () => {
      // On a slow machine libcurl might never come to the end of what it can read.
      const end = Date.now() + 5_000;
      while (flood.floods && Date.now() < end && await push(socket, many));
      socket.destroy();
    });
    socket.on('data', () => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stage.closers.push(() => { flood.floods = false; for (const socket of sockets) socket.destroy(); server.close(); });
  flood.port = server.address().port;
  return flood;
}

describe('a flood of', () => {
  for (const [what, bytes] of floods) {
    test(what, async () => {
      const flood = await startFlood(bytes);
      const program = await startProgram(stage, {
        envFile: writeEnv(stage, { THREADS_API_URL: `https://localhost:${flood.port}`, THREADS_CA_FILE: authority.file, THREADS_TIMEOUT: '1' }),
      });
      const before = memory(program.pid);
      assert.ok([502, 504].includes((await send(program.address, me)).status));
      flood.floods = false;
      assert.equal((await send(program.address, { path: '/healthz' })).status, 200);
      const grown = memory(program.pid) - before;
      if (!hasSanitizers) assert.ok(grown < 16 * 1024, `${grown} KiB more`);
    });
  }
});

test('nothing leaked', () => assertNothingLeaked(stage));
