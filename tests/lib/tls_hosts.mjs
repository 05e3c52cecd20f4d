// Servers for tests in a network namespace of their own: node tls_hosts.mjs KEY CERT PORT [MODE@ADDRESS]...
// 'tls' answers as Threads does to an app's ID and secret, 'mute' accepts connections and says nothing,
// 'reset' breaks them off.
import { once } from 'node:events';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';

const [key, cert, port, ...servers] = process.argv.slice(2);
const answer = '{"access_token":"TH|1|x","token_type":"bearer"}';
const kinds = {
  tls: () => https.createServer({ key: fs.readFileSync(key), cert: fs.readFileSync(cert) }, (request, reply) => {
    reply.setHeader('Content-Type', 'application/json');
    reply.end(answer);
  }),
  mute: () => net.createServer((socket) => { socket.on('error', () => {}); }),
  reset: () => net.createServer((socket) => { socket.on('error', () => {}).once('data', () => socket.resetAndDestroy()); }),
};
for (const [kind, address] of servers.map((server) => server.split('@'))) {
  const server = kinds[kind]().listen(Number(port), address);
  await once(server, 'listening');
}
console.log('listening');
process.stdin.resume().on('end', () => process.exit());  // it lives as long as the test, also without servers
