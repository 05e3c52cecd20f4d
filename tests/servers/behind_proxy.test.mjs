// Each web server behind a proxy on the same machine, with the lines for it in its example uncommented: the limits and
// /healthz see who calls, and nobody can give himself another address.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked, token } from '../lib/canaries.mjs';
import { nextAddress, send } from '../lib/http.mjs';
import { startApache, startNginx, startProgram, writeEnv } from '../lib/servers.mjs';
import { freePort, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { startCaddy, startCluster, startHaproxy, startLighttpd } from './fronts.mjs';

// An edit that uncomments the lines that begin with one of the words.
const uncomment = (...words) => [new RegExp(`(?<=^\\s*)# (?=(?:${words.join('|')}))`, 'm'), ''];

const setSrc = [uncomment('http-request set-src ')];
const remoteIp = { edits: [uncomment('RemoteIPHeader ', 'RemoteIPInternalProxy ')], more: ['remoteip'] };

// `each`: how many token requests one client may always send at once; none where there is no limit.
const servers = {
  nginx: { each: 20, start: (stage, { socket }) => startNginx(stage, { socket, edits: [uncomment('set_real_ip_from ', 'real_ip_header ')] }) },
  HAProxy: { each: 44, start: (stage, { socket }) => startHaproxy(stage, { socket, edits: setSrc }) },
  'HAProxy before several machines': { each: 44, start: (stage, { tcp }) => startCluster(stage, { address: tcp, edits: setSrc }) },
  'Apache, mod_proxy_fcgi': { start: (stage, { socket }) => startApache(stage, 'proxy', { socket, ...remoteIp }) },
  'Apache, mod_fcgid': { start: (stage, { envFile }) => startApache(stage, 'fcgid', { envFile, ...remoteIp }) },
  'Apache, mod_cgi': { start: (stage, { envFile }) => startApache(stage, 'cgi', { envFile, ...remoteIp }) },
  lighttpd: { start: (stage, { socket }) => startLighttpd(stage, { socket, edits: [uncomment('server.modules \\+=', 'extforward')] }) },
  Caddy: { nobody: true, start: (stage, { socket }) => startCaddy(stage, { socket, edits: [['\t\tnot remote_ip', '\t\t# not remote_ip']] }) },
};

// An nginx that adds the caller's address to X-Forwarded-For. Its connections to the site are kept, so that one carries
// the requests of many.
async function startProxy(stage, site) {
  const port = await freePort();
  stage.folder('proxy');
  const temp = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};`).join('\n');
  const conf = stage.write('proxy/nginx.conf', `daemon off; pid nginx.pid; error_log stderr; events { worker_connections 2048; }
http {
  access_log off;
  ${temp}
  upstream site { server 127.0.0.1:${site}; keepalive 4; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://site;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    }
  }
}
`);
  await stage.ready(stage.spawn('proxy', 'nginx', ['-p', stage.path('proxy'), '-c', conf, '-e', 'stderr']), { host: '127.0.0.1', port });
  return port;
}

for (const [name, { each, nobody, start }] of Object.entries(servers)) {
  describe(`${name} behind a proxy`, () => {
    const stage = new Stage();
    let direct;
    let proxy;
    before(async () => {
      const upstream = await Upstream.start(stage);
      upstream.answers({ body: '{"id":"1"}' });
      const envFile = writeEnv(stage, { THREADS_API_URL: upstream.url });
      const { address: { path: socket } } = await startProgram(stage, { envFile });
      const { address: tcp } = await startProgram(stage, { envFile, tcp: true });
      ({ port: direct } = await start(stage, { envFile, socket, tcp }));
      proxy = await startProxy(stage, direct);
    });
    after(() => stage.close());

    const forwarded = (value) => ({ Authorization: `Bearer ${token}`, 'X-Forwarded-For': value });
    const askAll = async (count, port, from, headers) => {
      const answers = await Promise.all(Array.from({ length: count }, (_, i) => send(port, { path: '/me', headers: headers(i) }, { from })));
      return answers.map(({ status }) => status);
    };

    if (each) {
      test('two clients are two', async () => {
        const [one, another] = [nextAddress(), nextAddress()];
        const statuses = await askAll(6 * each, proxy, one, () => ({ Authorization: `Bearer ${token}` }));
        assert.ok(statuses.includes(429), `${statuses}`);
        assert.deepEqual(new Set(await askAll(each, proxy, another, () => ({ Authorization: `Bearer ${token}` }))), new Set([200]));
      });

      test('a client cannot pass for many', async () => {
        assert.ok((await askAll(6 * each, proxy, nextAddress(), (i) => forwarded(`192.0.2.${i % 250}`))).includes(429));
        assert.ok((await askAll(6 * each, proxy, nextAddress(), (i) => forwarded(`192.0.2.${i % 250}, 127.0.0.1`))).includes(429));
      });

      test('who passes by the proxy is not believed', async () => {
        assert.ok((await askAll(6 * each, direct, nextAddress(), (i) => forwarded(`198.51.100.${i % 250}`))).includes(429));
      });
    }

    for (const path of ['/healthz', '/metrics']) {
      test(`${path} is not for those who come through the proxy`, async () => {
        for (const headers of [{}, forwarded('127.0.0.1'), forwarded('::1'), forwarded('127.0.0.1, 127.0.0.1')]) {
          const { status } = await send(proxy, { path, headers }, { from: nextAddress() });
          assert.ok([403, 404].includes(status), `${status} for ${headers['X-Forwarded-For']}`);
        }
      });

      test(`${path} is not for those who say that they are this machine`, async () => {
        const { status } = await send(direct, { path, headers: forwarded('127.0.0.1') }, { from: nextAddress() });
        assert.ok([403, 404].includes(status), `${status}`);
      });
    }

    test(`/healthz is for ${nobody ? 'nobody' : 'this machine'}`, async () => {
      const { status } = await send(direct, { path: '/healthz' }, { from: '127.0.0.1' });
      assert.equal(status, nobody ? 403 : 200);
    });

    if (!nobody) {
      test('the log has the address of who calls', async () => {
        const from = nextAddress();
        assert.equal((await send(proxy, { path: '/config', headers: forwarded('192.0.2.77') }, { from })).status, 200);
        for (const it of [...stage.processes].reverse()) {  // some keep their log in memory for a while
          it.child.kill('SIGTERM');
          await it.exited;
        }
        const log = [...stage.logs()].map(([, text]) => text).join('\n');
        assert.ok(log.includes(from), log);
        assert.ok(!log.includes('192.0.2.77 '), log);
      });
    }

    test('nothing secret is in a log', () => assertNothingLeaked(stage));
  });
}
