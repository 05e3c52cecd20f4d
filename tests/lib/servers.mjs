// Starts the program and the real web servers on a stage, from the very files that are shipped
// (nginx.conf.example, deploy/*), with nothing but names, ports and paths filled in.
import fs from 'node:fs';
import path from 'node:path';
import * as canaries from './canaries.mjs';
import * as fastcgi from './fastcgi.mjs';
import * as http from './http.mjs';
import { freePort, root } from './stage.mjs';

let count = 0;

// Replaces each `from` (a text or a pattern) by its `to` and insists that there is something to replace.
export function fill(text, replacements) {
  for (const [from, to] of replacements) {
    const parts = text.split(from);
    if (parts.length === 1) throw new Error(`the shipped file has no ${from} any more`);
    text = parts.join(to);
  }
  return text;
}

// Writes a .env with canary secrets and returns its path.
export function writeEnv(stage, settings = {}) {
  const all = {
    THREADS_APP_ID: canaries.appId,
    THREADS_APP_SECRET: canaries.appSecret,
    THREADS_CLIENT_SECRET: canaries.clientSecret,
    THREADS_TIMEOUT: '2',
    ...settings,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}=${value}\n`);
  count += 1;
  return stage.write(`env-${count}`, lines.join(''));
}

// The program with --listen on a unix socket, or on a TCP port with {tcp: true}.
export async function startProgram(stage, { envFile, tcp = false, args = [], binary = 'threads-oauth.fcgi', ...options }) {
  count += 1;
  const address = tcp ? { host: '127.0.0.1', port: await freePort() } : { path: stage.path(`program-${count}.sock`) };
  const listen = tcp ? `127.0.0.1:${address.port}` : address.path;
  const it = stage.spawn(binary, stage.binary(binary), ['--listen', listen, '--env-file', envFile, ...args], options);
  it.address = address;
  return stage.ready(it, address);
}

export function startSandbox(stage, options) {
  return startProgram(stage, { binary: 'threads-sandbox.fcgi', ...options });
}

// The program under spawn-fcgi: the listening socket is its file descriptor 0.
export async function spawnFcgi(stage, { envFile, args = [] }) {
  count += 1;
  const address = { path: stage.path(`spawned-${count}.sock`) };
  const program = [stage.binary('threads-oauth.fcgi'), '--env-file', envFile, ...args];
  const it = stage.spawn('spawn-fcgi', 'spawn-fcgi', ['-n', '-s', address.path, '--', ...program]);
  it.address = address;
  return stage.ready(it, address);
}

// An example's text as an operator makes it who wants no /docs: without the line that says so.
export const withoutDocs = [/^.*Without the next line \/docs is 404 .*\n.*\n/m, ''];

// nginx before the program at a unix socket and, if there is one, before the sandbox. `edits`: what an operator changes.
export async function startNginx(stage, { socket, port, sandboxSocket, sandboxPort, edits = [] }) {
  count += 1;
  const name = `nginx-${count}`;
  port ??= await freePort();
  stage.folder(name);
  const site = fill(fs.readFileSync(path.join(root, 'nginx.conf.example'), 'utf8'), [
    ['\n    listen 80;', `\n    listen 127.0.0.1:${port};`],
    ['\n    listen [::]:80;', ''],
    ['login.example.com', 'localhost 127.0.0.1'],
    ['/run/threads-oauth/threads-oauth.sock', socket],
    ['/usr/local/share/threads-oauth/www', stage.path('www')],
    ['/var/log/nginx/', `${stage.path('logs', name)}-`],
    ...edits,
  ]);
  stage.write(`${name}/site.conf`, site);
  if (sandboxSocket) {
    stage.write(`${name}/sandbox.conf`, fill(fs.readFileSync(path.join(root, 'deploy/sandbox.nginx.conf'), 'utf8'), [
      ['127.0.0.1:81', `127.0.0.1:${sandboxPort}`],
      ['/run/threads-oauth/threads-sandbox.sock', sandboxSocket],
      ['/var/log/nginx/', `${stage.path('logs', name)}-`],
    ]));
  }
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};\n`).join('');
  const conf = stage.write(`${name}/nginx.conf`, `daemon off;
pid nginx.pid;
error_log ${stage.path('logs', name)}-main.error.log;
events { worker_connections 512; }
http {
access_log off;
${temp}
include site.conf;
${sandboxSocket ? 'include sandbox.conf;' : ''}
}
`);
  const it = stage.spawn('nginx', 'nginx', ['-p', stage.path(name), '-c', conf, '-e', `${stage.path('logs', name)}-main.error.log`]);
  it.port = port;
  it.url = `http://localhost:${port}`;
  return stage.ready(it, { host: '127.0.0.1', port });
}

// Apache with one of the three ways of deploy/apache.conf.example: 'proxy', 'fcgid' or 'cgi'. `edits`: what an operator
// changes; `more`: the modules that the changes need.
export async function startApache(stage, way, { socket, envFile, edits = [], more = [] }) {
  count += 1;
  const name = `apache-${way}-${count}`;
  const port = await freePort();
  stage.folder(name);
  const site = fill(fs.readFileSync(path.join(root, 'deploy/apache.conf.example'), 'utf8'), [
    ['login.example.com', 'localhost'],
    [/^Define THREADS_PORT .*$/m, `Define THREADS_PORT ${port}`],
    ['/usr/local/share/threads-oauth/www', stage.path('www')],
    [/^Define THREADS_LOGS .*$/m, `Define THREADS_LOGS ${stage.folder(`logs/${name}`)}`],
    [/^Define THREADS_PROXY$/m, `Define THREADS_${way.toUpperCase()}`],
    ['/run/threads-oauth/threads-oauth.sock', socket ?? stage.path('none.sock')],
    ['/usr/local/lib/threads-oauth/threads-oauth.fcgi', stage.binary('threads-oauth.fcgi')],
    ['/etc/threads-oauth/env', envFile ?? stage.path('none.env')],
    ...edits,
  ]);
  stage.write(`${name}/site.conf`, site);
  const modules = {
    proxy: ['mpm_event', 'proxy', 'proxy_fcgi'],
    fcgid: ['mpm_event', 'fcgid'],
    cgi: ['mpm_prefork', 'cgi'],
  }[way];
  const load = [...modules, ...more, 'authz_core', 'authz_host', 'alias', 'allowmethods', 'env', 'headers', 'mime', 'dir', 'setenvif'].map(
    (module) => `LoadModule ${module}_module /usr/lib/apache2/modules/mod_${module}.so\n`);
  const conf = stage.write(`${name}/apache.conf`, `ServerRoot ${stage.path(name)}
ServerName localhost
Listen 127.0.0.1:${port}
PidFile ${stage.path(name, 'pid')}
ErrorLog ${stage.path('logs', name)}.main.error.log
DefaultRuntimeDir ${stage.path(name)}
${load.join('')}Mutex file:${stage.path(name)} default
TypesConfig /dev/null
${way === 'fcgid' ? `FcgidIPCDir ${stage.path(name)}\nFcgidProcessTableFile ${stage.path(name, 'shm')}` : ''}
Include site.conf
`);
  // In a process group of its own: Apache ends by killing its whole group, which would be the tests'.
  // And so that it does not outlive them, it gets a signal should they be killed.
  const it = stage.spawn('apache2', 'setpriv', ['--pdeathsig', 'TERM', 'apache2', '-f', conf, '-DFOREGROUND', '-k', 'start'], { detached: true });
  it.port = port;
  it.url = `http://localhost:${port}`;
  return stage.ready(it, { host: '127.0.0.1', port });
}

// One request to a CGI process of its own, with no web server.
export async function runCgi(stage, { envFile }, request) {
  const it = stage.spawn('cgi', stage.binary('threads-oauth.fcgi'), [], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...fastcgi.cgiParams(request), THREADS_ENV_FILE: envFile },
  });
  const parts = [];
  it.child.stdout.on('data', (part) => parts.push(part));
  it.child.stdin.on('error', () => {});  // it need not read a body that it does not want
  it.child.stdin.end(request.body ?? '');
  const { code, signal } = await it.exited;
  it.out = '';  // the answer is no log
  return { ...fastcgi.parseCgi(Buffer.concat(parts)), code, signal, stderr: it.err };
}

// The seven ways to the program: name -> function(stage, envFile) that resolves to send(request).
export const ways = {
  'nginx, unix socket': async (stage, envFile) => {
    const program = await startProgram(stage, { envFile });
    const { port } = await startNginx(stage, { socket: program.address.path });
    return (request) => http.send(port, request);
  },
  'nginx, spawn-fcgi': async (stage, envFile) => {
    const program = await spawnFcgi(stage, { envFile });
    const { port } = await startNginx(stage, { socket: program.address.path });
    return (request) => http.send(port, request);
  },
  'Apache, mod_proxy_fcgi': async (stage, envFile) => {
    const program = await startProgram(stage, { envFile });
    const { port } = await startApache(stage, 'proxy', { socket: program.address.path });
    return (request) => http.send(port, request);
  },
  'Apache, mod_fcgid': async (stage, envFile) => {
    const { port } = await startApache(stage, 'fcgid', { envFile });
    return (request) => http.send(port, request);
  },
  'Apache, mod_cgi': async (stage, envFile) => {
    const { port } = await startApache(stage, 'cgi', { envFile });
    return (request) => http.send(port, request);
  },
  'FastCGI over TCP': async (stage, envFile) => {
    const program = await startProgram(stage, { envFile, tcp: true });
    return (request) => fastcgi.send(program.address, request);
  },
  'a CGI process': async (stage, envFile) => (request) => runCgi(stage, { envFile }, request),
};
