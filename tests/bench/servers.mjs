// What is compared, started on a stage: nginx as the upstream, the program and its references, and
// nginx in front of them all.
import fs from 'node:fs';
import path from 'node:path';
import { freePort, root } from '../lib/stage.mjs';

const ANSWER = `{"access_token":"THQVJ${'x'.repeat(170)}","user_id":17841405793187218}`;
const ACCOUNT = { THREADS_APP_ID: '1234567890123456', THREADS_APP_SECRET: '0123456789abcdef0123456789abcdef' };
const LOGIN = { code: `AQBx${'a'.repeat(160)}`, redirect_uri: 'https://login.example.com/auth/callback' };

export const body = JSON.stringify(LOGIN);
export const answer = ANSWER;
export const form = new URLSearchParams({
  client_id: ACCOUNT.THREADS_APP_ID,
  client_secret: ACCOUNT.THREADS_APP_SECRET,
  redirect_uri: LOGIN.redirect_uri,
  code: LOGIN.code,
  grant_type: 'authorization_code',
}).toString();

const packages = path.join(root, 'build/bench/npm/package.json');
let count = 0;

// Output goes to a file, as a service manager would keep it, not through a pipe of ours.
function spawn(stage, name, command, args, env = {}) {
  count += 1;
  const log = fs.openSync(stage.path('logs', `${name}-${count}.log`), 'a');
  const it = stage.spawn(name, command, args, { stdio: ['ignore', log, log], env });
  fs.closeSync(log);
  return it;
}

async function startNginx(stage, name, port, http, modules = '') {
  stage.folder(name);
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};\n`).join('');
  const log = stage.path('logs', `${name}.error.log`);
  const conf = stage.write(`${name}/nginx.conf`, `daemon off;
pid nginx.pid;
error_log ${log} crit;
worker_processes auto;
worker_rlimit_nofile 20000;
${modules}
events { worker_connections 19000; }
http {
access_log off;
keepalive_requests 1000000000;  # of its callers' connections
${temp}
${http}
}
`);
  const it = spawn(stage, name, 'nginx', ['-p', stage.path(name), '-c', conf, '-e', log]);
  return stage.ready(it, { host: '127.0.0.1', port });
}

// nginx in the part of Threads: it answers at once, or after each of the delays. The sleep is the echo
// module's, the answer nginx's own. Returns delay in ms -> the API's URL.
export async function startUpstream(stage, delays) {
  const urls = new Map();
  let http = '';
  for (const delay of [0, ...delays]) {
    const port = await freePort();
    urls.set(delay, `http://127.0.0.1:${port}`);
    const reply = `default_type application/json; return 200 '${ANSWER}';`;
    http += `server { listen 127.0.0.1:${port} backlog=4096; ${delay === 0
      ? `location / { ${reply} }`
      : `location / { echo_sleep ${delay / 1000}; echo_exec @answer; } location @answer { ${reply} }`} }\n`;
  }
  await startNginx(stage, 'upstream', new URL(urls.get(0)).port, http, 'load_module /usr/lib/nginx/modules/ngx_http_echo_module.so;');
  return urls;
}

// The program on a unix socket, its request log on.
export async function startProgram(stage, { url, workers = 1 }) {
  count += 1;
  const settings = { ...ACCOUNT, THREADS_API_URL: url };
  const env = stage.write(`env-${count}`, Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join(''));
  const socket = stage.path(`program-${count}.sock`);
  const it = spawn(stage, 'program', stage.binary('threads-oauth.fcgi'), ['--listen', socket, '--env-file', env, '--workers', String(workers)]);
  it.socket = socket;
  return stage.ready(it, { path: socket });
}

// PHP-FPM with opcache and a fixed crew: more of them were slower on two cores.
export async function startPhp(stage, { url }) {
  count += 1;
  const socket = stage.path('php.sock');
  const settings = Object.entries({ ...ACCOUNT, THREADS_API_URL: url });
  const conf = stage.write('php-fpm.conf', `[global]
error_log = ${stage.path('logs', 'php-fpm.log')}
daemonize = no
[www]
listen = ${socket}
listen.backlog = 4096
pm = static
pm.max_children = 16
${settings.map(([name, value]) => `env[${name}] = ${value}\n`).join('')}`);
  stage.copy(path.join(root, 'tests/bench/exchange.php'), 'exchange.php');
  const version = fs.readdirSync('/etc/php').sort().at(-1);
  const it = spawn(stage, 'php-fpm', `php-fpm${version}`, ['-F', '-y', conf]);
  it.socket = socket;
  return stage.ready(it, { path: socket });
}

export async function startNode(stage, { url, client }) {
  const port = await freePort();
  const env = { ...ACCOUNT, THREADS_API_URL: url, PACKAGES: packages, NODE_ENV: 'production' };
  const it = spawn(stage, 'node', process.execPath, [stage.copy(path.join(root, 'tests/bench/exchange.mjs'), 'exchange.mjs'), String(port), client], env);
  it.port = port;
  return stage.ready(it, { host: '127.0.0.1', port });
}

// The ways from nginx to what is behind it. The FastCGI settings are those of nginx.conf.example.
const example = fs.readFileSync(path.join(root, 'nginx.conf.example'), 'utf8');
const fastcgi = example.match(/^ {4}(fastcgi_(?!pass )|client_body_buffer_size).*;/gm).join('\n');
const keepalive = 'keepalive 256; keepalive_requests 1000000000;';
const http11 = 'proxy_http_version 1.1; proxy_set_header Connection "";';

export const kept = (it) => ({
  upstream: `server unix:${it.socket}; ${keepalive}`,
  pass: (name) => `${fastcgi}\nfastcgi_pass ${name};`,
});
export const unkept = (it) => ({
  upstream: `server unix:${it.socket};`,
  pass: (name) => `${fastcgi.replace('fastcgi_keep_conn on', 'fastcgi_keep_conn off')}\nfastcgi_pass ${name};`,
});
export const php = (it, stage) => ({
  upstream: `server unix:${it.socket};`,
  pass: (name) => `${unkept(it).pass(name)}\nfastcgi_param SCRIPT_FILENAME ${stage.path('exchange.php')};`,
});
export const proxied = (host) => ({
  upstream: `server ${host}; ${keepalive}`,
  pass: (name) => `${http11} proxy_pass http://${name};`,
});

// nginx with a port of its own for each way. Returns the process and the ports, in the ways' order.
export async function startFront(stage, ways) {
  count += 1;
  const ports = [];
  let http = '';
  for (const [i, way] of ways.entries()) {
    ports.push(await freePort());
    http += `upstream way${i} { ${way.upstream} }
server { listen 127.0.0.1:${ports[i]} backlog=4096; location / { ${way.pass(`way${i}`)} } }
`;
  }
  const it = await startNginx(stage, `front-${count}`, ports[0], http);
  return { it, ports };
}
