// `make install` and the Debian package: what is in it, and its life in a private copy of this machine: installed,
// serving a login through nginx, upgraded with the configuration kept, purged without a trace.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { appId, appSecret, code, otherToken } from '../lib/canaries.mjs';
import { send } from '../lib/http.mjs';
import { PrivateRoot } from '../lib/private_root.mjs';
import { freePort, reader, root, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const build = path.resolve(root, process.env.THREADS_BUILD ?? 'build');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'threads-oauth-package-'));
after(() => fs.rmSync(folder, { recursive: true, force: true }));
const run = (command, args, options) => execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], ...options });

test('make install keeps to PREFIX and DESTDIR', () => {
  const to = path.join(folder, 'installed');
  run(path.join(root, 'deploy/install'), [], { env: { ...process.env, BUILD: build, DESTDIR: to, PREFIX: '/opt/login' } });
  assert.deepEqual(fs.readdirSync(to), ['opt']);
  assert.match(run(path.join(to, 'opt/login/sbin/threads-oauth'), ['--version']), /^threads-oauth \d/);
  const wrong = spawnSync('grep', ['-rIl', '/usr/local/', to, '--include=*.service', '--include=*.conf', '--include=*.cfg', '--include=Caddyfile', '--include=*.8'], { encoding: 'utf8' });
  assert.equal(wrong.stdout, '');
  assert.match(fs.readFileSync(path.join(to, 'opt/login/lib/systemd/system/threads-oauth.service'), 'utf8'), /^ExecStart=\/opt\/login\/lib\//m);
  for (const file of [...fs.readdirSync(path.join(root, 'www')), 'swagger-ui.css', 'swagger-ui-bundle.js']) assert.ok(fs.existsSync(path.join(to, 'opt/login/share/threads-oauth/www', file)), file);
});

// The package from a build folder of its own, so that make's stays as it was.
const made = path.join(folder, 'build');
let deb;
let next;
before(() => {
  fs.mkdirSync(made);
  fs.copyFileSync(path.join(build, 'threads-oauth.fcgi'), path.join(made, 'threads-oauth.fcgi'));
  fs.chmodSync(path.join(made, 'threads-oauth.fcgi'), 0o755);
  fs.cpSync(reader, path.join(made, 'docs'), { recursive: true });
  const env = { ...process.env, BUILD: made, VERSION: '9.9.1' };
  deb = run(path.join(root, 'deploy/package'), [], { env }).trim().split('\n').at(-1);
  // The next version, with another configuration as shipped.
  const tree = path.join(folder, 'next');
  run('dpkg-deb', ['-R', deb, tree]);
  const control = path.join(tree, 'DEBIAN/control');
  fs.writeFileSync(control, fs.readFileSync(control, 'utf8').replace(/^Version: .*$/m, 'Version: 9.9.2-1'));
  fs.appendFileSync(path.join(tree, 'etc/threads-oauth/env'), '# A later version says more.\n');
  next = path.join(folder, 'next.deb');
  run('dpkg-deb', ['--root-owner-group', '-Zgzip', '-b', tree, next]);
});

describe('the package', () => {
  test('owners and modes', () => {
    const lines = run('dpkg-deb', ['-c', deb]).trim().split('\n').map((line) => line.split(/\s+/));
    for (const [mode, owner, , , , name] of lines) {
      assert.equal(owner, 'root/root', name);
      const expected = name.endsWith('/env') ? '-rw-r-----' : /\.fcgi$|\/bin\/threads-token$/.test(name) ? '-rwxr-xr-x'
        : { d: 'drwxr-xr-x', l: 'lrwxrwxrwx', '-': '-rw-r--r--' }[mode[0]];
      assert.equal(mode, expected, name);
    }
    const names = lines.map((line) => line[5]);
    for (const name of ['./usr/lib/threads-oauth/threads-oauth.fcgi', './usr/sbin/threads-oauth', './usr/bin/threads-token', './usr/share/man/man1/threads-token.1.gz',
      './etc/threads-oauth/env', './usr/share/doc/threads-oauth/README.md', './usr/share/doc/threads-oauth/README.zh-TW.md',
      ...['index.html', 'docs.html', 'docs.js', 'openapi.json', 'swagger-ui.css', 'swagger-ui-bundle.js'].map((it) => `./usr/share/threads-oauth/www/${it}`),
      './usr/share/doc/threads-oauth/swagger-ui-bundle.js.LICENSE.txt', './usr/share/man/man8/threads-oauth.8.gz', './usr/share/man/man5/threads-oauth.env.5.gz',
      './lib/systemd/system/threads-oauth.socket', './lib/systemd/system/threads-oauth.service',
      ...['nginx.conf', 'apache.conf', 'lighttpd.conf', 'Caddyfile', 'haproxy-single.cfg'].map((it) => `./usr/share/doc/threads-oauth/examples/${it}`),
    ]) assert.ok(names.includes(name), name);
    assert.ok(!names.some((name) => /sandbox/.test(name)), 'no sandbox in production');
  });

  test('the libraries that it needs are its dependencies', () => {
    const depends = run('dpkg-deb', ['-f', deb, 'Depends']);
    for (const library of ['libc6', 'libcurl4', 'libfcgi0ldbl', 'libssl3', 'adduser', 'ca-certificates']) assert.match(depends, new RegExp(`\\b${library}`));
  });

  test('lintian finds no error', () => {
    const { status, stdout, stderr } = spawnSync('lintian', ['--allow-root', '--fail-on', 'error', deb], { encoding: 'utf8' });
    assert.equal(status, 0, stdout + stderr);
  });
});

const skip = process.getuid() === 0 ? false : 'it takes root to install a package';
describe('its life', { skip }, () => {
  const stage = new Stage();
  const env = '/etc/threads-oauth/env';
  let it;
  let upstream;
  let port;
  before(async () => {
    port = await freePort();
    upstream = await Upstream.start(stage);
    const given = path.join(folder, 'given');
    fs.mkdirSync(given);
    fs.copyFileSync(deb, path.join(given, 'first.deb'));
    fs.copyFileSync(next, path.join(given, 'next.deb'));
    fs.writeFileSync(path.join(given, 'nginx.conf'), 'user www-data; pid /run/nginx.pid; events {} http { access_log off; include /given/site.conf; }\n');
    const work = path.join(folder, 'root');
    fs.mkdirSync(work);
    it = new PrivateRoot(given, work);
  });
  after(async () => { await it.end(); await stage.close(); });
  const done = async (command) => {
    const answer = await it.run(command);
    assert.ok(answer, 'the private root has ended');
    assert.equal(answer.status, 0, `${command}\n${answer.text}`);
    return answer.text;
  };
  // As systemd does it: the socket first, the program by the unit's own line and user when somebody comes.
  // That the socket is there it says; as long as it lives it holds the lock.
  const serve = () => done(`mkdir -p /run/threads-oauth; s=/run/threads-oauth/threads-oauth.sock
    set -- $(sed -n 's/^ExecStart=//p' /lib/systemd/system/threads-oauth.service)
    exec 4< <(exec 9>/run/lives; flock 9
      exec systemd-socket-activate -l $s setpriv --reuid threads-oauth --regid threads-oauth --clear-groups --no-new-privs "$@" 2>&1)
    echo $! >/run/pid
    grep -q -m 1 '^Listening on' <&4
    cat <&4 >/run/log &
    chgrp www-data $s; chmod 660 $s`);
  const login = async () => {
    upstream.answers({ body: `{"access_token":"${otherToken}","user_id":17841405793187219}` });
    const answer = await send(port, {
      method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ code, redirect_uri: 'https://login.example.com/auth/callback' }),
    });
    assert.deepEqual([answer.status, answer.text], [200, `{"access_token":"${otherToken}","user_id":17841405793187219}`], (await it.run('cat /run/log')).text);
    assert.equal(new URLSearchParams(upstream.requests[0].body).get('client_secret'), appSecret);
    const page = await send(port, { path: '/auth' });
    assert.equal(page.status, 200);
    assert.match(page.text, /<html/);
  };

  test('install', async (t) => {
    const answer = await it.run('getent passwd threads-oauth && exit 1; dpkg --force-unsafe-io --no-triggers -i /given/first.deb');
    if (answer === null && (await it.exited) === 77) { t.skip('this machine allows no overlay of its file system'); return; }
    assert.ok(answer, it.text);
    assert.equal(answer.status, 0, answer.text);
    assert.match(answer.text, /not started: fill in/);
    assert.equal(await done(`stat -c '%a %U:%G' ${env}`), '640 root:threads-oauth\n');
    assert.match(await done('getent passwd threads-oauth'), /:\/nonexistent:\/usr\/sbin\/nologin$/m);
    await done('test -L /etc/systemd/system/sockets.target.wants/threads-oauth.socket');
    await done('cd / && md5sum -c --quiet /var/lib/dpkg/info/threads-oauth.md5sums');
    assert.equal((await it.run(`threads-oauth --check --env-file ${env}`)).status, 78, 'it is not configured as shipped');
  });
  // Without a private root all that follows says why it does nothing.
  const step = (name, body) => test(name, async (t) => (it.over ? t.skip('there is no private root') : body(t)));

  step('a login through nginx, by the example of the package', async () => {
    await done(`sed -i 's|^THREADS_APP_ID=.*|THREADS_APP_ID=${appId}|; s|^THREADS_APP_SECRET=.*|THREADS_APP_SECRET=${appSecret}|
      s|^#THREADS_API_URL=.*|THREADS_API_URL=${upstream.url}|' ${env}`);
    await done(`sed 's|^    listen 80;.*|    listen 127.0.0.1:${port};|; /listen \\[::\\]:80;/d' /usr/share/doc/threads-oauth/examples/nginx.conf >/given/site.conf`);
    await serve();
    await done('nginx -c /given/nginx.conf');
    await login();
  });

  step('an upgrade keeps the configuration and its owner', async () => {
    await done(`chmod 600 ${env} && cp -p ${env} /root/kept`);
    const said = await done('dpkg --force-unsafe-io --no-triggers --force-confold -i /given/next.deb');
    assert.doesNotMatch(said, /not started/);
    await done(`cmp ${env} /root/kept`);
    assert.equal(await done(`stat -c '%a %U:%G' ${env}`), '600 root:threads-oauth\n', "the administrator's mode stays");
    await done(`grep -q 'A later version' ${env}.dpkg-dist`);
    await done(`chmod 640 ${env}; kill $(cat /run/pid); flock /run/lives rm /run/threads-oauth/threads-oauth.sock`);
    await serve();
    await login();
  });

  step('removed, the configuration stays; installed again, it is as it was', async () => {
    await done('kill $(cat /run/pid); rm /run/threads-oauth/threads-oauth.sock; dpkg --force-unsafe-io --no-triggers -r threads-oauth');
    await done(`cmp ${env} /root/kept && test ! -e /usr/lib/threads-oauth && test ! -e /lib/systemd/system/threads-oauth.service`);
    await done('dpkg --force-unsafe-io --no-triggers -i /given/next.deb');
    await done(`cmp ${env} /root/kept`);
  });

  step('purged, nothing is left', async () => {
    await done('nginx -c /given/nginx.conf -s stop; dpkg --force-unsafe-io --no-triggers -P threads-oauth');
    assert.equal((await it.run('getent passwd threads-oauth || getent group threads-oauth')).status, 2);
    const left = await done(String.raw`cd /changes && find . \( -path ./given -o -path ./root -o -path ./var/log -o -path ./var/lib/nginx -o -path ./var/lib/dpkg -o -path ./var/cache/man \) -prune -o ! -type d -print`);
    await done('! grep threads-oauth /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid');
    assert.deepEqual(left.trim().split('\n').filter((name) => !/^\.\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-?$|^\.\/etc\/\.pwd\.lock$/.test(name)), []);
    assert.equal(await done(`find /changes /run ! -path '/changes/var/log/*' -name '*threads-oauth*'`), '');
    assert.equal(await done('dpkg -l threads-oauth 2>/dev/null | grep -c ^[a-z][a-z] || true'), '0\n');
  });
});
