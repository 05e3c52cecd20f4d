// lighttpd, Caddy and HAProxy before the program, from the shipped examples with names, ports and paths filled in.
import fs from 'node:fs';
import path from 'node:path';
import { fill, startNginx } from '../lib/servers.mjs';
import { freePort, root } from '../lib/stage.mjs';

const example = (name) => fs.readFileSync(path.join(root, 'deploy', name), 'utf8');

async function ready(stage, it, port) {
  it.port = port;
  return stage.ready(it, { host: '127.0.0.1', port });
}

export async function startLighttpd(stage, { socket, edits = [] }) {
  const port = await freePort();
  const logs = stage.folder('logs/lighttpd');
  const text = fill(example('lighttpd.conf.example'), [
    [/^server.port .*$/m, `server.port = ${port}\nserver.bind = "127.0.0.1"\nserver.upload-dirs = ("${stage.dir}")`],
    [/^server.(?:user|group)name .*$/m, ''],  // it is started as its user
    ['/usr/local/share/threads-oauth/www', stage.path('www')],
    ['/var/log/lighttpd', logs],
    ['/run/threads-oauth/threads-oauth.sock', socket],
    ...edits,
  ]);
  return ready(stage, stage.spawn('lighttpd', 'lighttpd', ['-D', '-f', stage.write('lighttpd.conf', text)]), port);
}

export async function startCaddy(stage, { socket, edits = [] }) {
  const port = await freePort();
  const text = fill(example('Caddyfile.example'), [
    ['http://login.example.com {', `http://localhost:${port}, http://127.0.0.1:${port} {\n\tbind 127.0.0.1`],
    ['/usr/local/share/threads-oauth/www', stage.path('www')],
    ['/run/threads-oauth/threads-oauth.sock', socket],
    ...edits,
  ]);
  const args = ['run', '--adapter', 'caddyfile', '--config', stage.write('Caddyfile', text)];
  return ready(stage, stage.spawn('caddy', 'caddy', args, { env: { HOME: stage.dir } }), port);
}

// The files come from an nginx.
export async function startHaproxy(stage, { socket, edits = [] }) {
  const page = await startNginx(stage, { socket });
  const port = await freePort();
  const text = fill(example('haproxy-single.cfg.example'), [
    ['0.0.0.0:80 ', `127.0.0.1:${port} `],
    ['127.0.0.1:8081', `127.0.0.1:${page.port}`],
    ['/run/threads-oauth/threads-oauth.sock', socket],
    ...edits,
  ]);
  return ready(stage, stage.spawn('haproxy', 'haproxy', ['-db', '-f', stage.write('haproxy.cfg', text)]), port);
}

// HAProxy for several machines, which are one here.
export async function startCluster(stage, { address, edits = [] }) {
  const port = await freePort();
  const text = fill(example('haproxy.cfg.example'), [
    ['0.0.0.0:80 ', `127.0.0.1:${port} `],
    ...[1, 2, 3].map((i) => [`10.0.0.1${i}:9000`, `${address.host}:${address.port}`]),
    ...edits,
  ]);
  return ready(stage, stage.spawn('haproxy', 'haproxy', ['-db', '-f', stage.write('haproxy-cluster.cfg', text)]), port);
}
