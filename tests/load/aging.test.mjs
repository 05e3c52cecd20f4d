// Connections to Threads grow old and names move: with the program's clock and its resolver in the
// test's hand (world.c), so that minutes pass at once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Certificates } from '../lib/certificates.mjs';
import { send } from '../lib/fastcgi.mjs';
import { startProgram } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { here, loadEnv, login } from './load.mjs';

const stage = new Stage();
let library;
let authority;
let certificate;
before(() => {
  library = stage.path('world.so');
  execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, path.join(here, 'world.c')]);
  const certificates = new Certificates(stage);
  authority = certificates.authority('aging-ca');
  certificate = certificates.server('aging', { issuer: authority, names: 'DNS:threads.test' });
});
after(() => stage.close());

class World {
  constructor() {
    this.file = stage.write('world', Buffer.alloc(64));
  }

  pass(seconds) {
    const file = fs.openSync(this.file, 'r+');
    const ahead = Buffer.alloc(8);
    fs.readSync(file, ahead, 0, 8, 0);
    ahead.writeBigInt64LE(ahead.readBigInt64LE() + BigInt(seconds));
    fs.writeSync(file, ahead, 0, 8, 0);
    fs.closeSync(file);
  }

  move(address) {
    const file = fs.openSync(this.file, 'r+');
    fs.writeSync(file, `${address}\0`, 8);
    fs.closeSync(file);
  }
}

// The same port at two addresses, counting what comes.
async function startUpstreams() {
  const start = async (address, port) => {
    const upstream = { address, connections: 0, requests: 0 };
    upstream.server = https.createServer({ key: certificate.key, cert: certificate.cert }, (req, res) => {
      upstream.requests += 1;
      req.resume().on('end', () => res.end('{"access_token":"t"}'));
    });
    upstream.server.keepAliveTimeout = 0;  // it never closes by itself
    upstream.server.on('connection', () => { upstream.connections += 1; });
    upstream.server.listen(port, address);
    await once(upstream.server, 'listening');
    stage.closers.push(() => { upstream.server.closeAllConnections(); upstream.server.close(); });
    return upstream;
  };
  const old = await start('127.0.0.1', 0);
  const next = await start('127.0.0.2', old.server.address().port);
  return { old, next, port: old.server.address().port };
}

test('a kept connection is not used again after a minute of rest, a busy one not after five; a name that moves is followed', async () => {
  const world = new World();
  const { old, next, port } = await startUpstreams();
  world.move(old.address);
  const program = await startProgram(stage, {
    envFile: loadEnv(stage, `https://threads.test:${port}`, { THREADS_CA_FILE: authority.file }),
    env: { LD_PRELOAD: library, WORLD: world.file },
  });
  const logIn = async () => assert.equal((await send(program.address, login())).status, 200);
  const seen = () => [old.connections, old.requests, next.connections, next.requests];

  await logIn();
  world.pass(50);
  await logIn();
  assert.deepEqual(seen(), [1, 2, 0, 0], 'kept for 50 s');
  world.pass(70);
  await logIn();
  assert.deepEqual(seen(), [2, 3, 0, 0], 'another one after 70 s');

  world.move(next.address);
  for (let i = 1; i <= 6; i += 1) {
    world.pass(45);
    await logIn();
  }
  assert.deepEqual(seen(), [2, 9, 0, 0], 'kept while there is work, for 270 s');
  world.pass(45);
  await logIn();
  assert.deepEqual(seen(), [2, 9, 1, 1], 'after 315 s the name is looked up again, and has moved');
});
