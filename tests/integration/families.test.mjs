// --check --online says by which address families Threads is reached. Each test has a network of its own: addresses
// that answer, refuse, swallow what is sent or have no route, and a name that resolves to them.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import * as canaries from '../lib/canaries.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';

const name = 'threads.test';
const port = 8443;
const v4 = '192.0.2.1';
const v6 = '2001:db8::1';
// Nobody is at the other end of the link to these.
const silent = { v4: '198.51.100.1', v6: '2001:db8:1::1' };
const network = `set -e
ip link set lo up
ip addr add ${v4} dev lo
ip addr add ${v6} dev lo nodad
ip link add near type veth peer name far
ip link set near up
ip link set far up
ip addr add 198.51.100.2/24 dev near
ip addr add 2001:db8:1::2/64 dev near nodad
ip neigh add ${silent.v4} lladdr 02:00:00:00:00:01 dev near
ip neigh add ${silent.v6} lladdr 02:00:00:00:00:01 dev near
ip route add blackhole 2001:db8:2::/64
ip route add unreachable 2001:db8:3::/64
ip route add prohibit 2001:db8:4::/64`;
const trial = spawnSync('unshare', ['-mn', 'bash', '-c', network], { encoding: 'utf8' });
const skip = trial.status === 0 ? false : `no network of its own can be made here (as root, by unshare and ip): ${trial.error ?? trial.stderr}`;

const stage = new Stage();
let ca;
let pair;
let sources;
before(() => {
  const certificates = new Certificates(stage);
  ca = certificates.authority('ca');
  pair = certificates.server('server', { issuer: ca, names: `DNS:${name},IP:${v4}`, subject: `/CN=${name}` });
  sources = stage.write('nsswitch.conf', 'hosts: files\n', 0o644);
});
after(() => stage.close());

let count = 0;
// Runs --check --online where the name has these addresses, with these servers ('tls@ADDRESS'). `setting`: a command
// that changes the network.
async function check({ addresses, servers, settings, env, host = name, setting = '' }) {
  count += 1;
  const hosts = stage.write(`hosts-${count}`, addresses.map((address) => `${address} ${name}\n`).join(''), 0o644);
  const script = `${network}
${setting}
mount --bind ${hosts} /etc/hosts
mount --bind ${sources} /etc/nsswitch.conf
exec "$0" "$@"`;
  const program = fileURLToPath(new URL('../lib/tls_hosts.mjs', import.meta.url));
  const world = stage.spawn('world', 'unshare', ['-mn', 'bash', '-c', script, process.execPath, program, pair.keyFile, pair.file, port, ...servers],
    { uid: 0, gid: 0, stdio: ['pipe', 'pipe', 'pipe'] });
  await world.said(/^listening$/m);
  const envFile = writeEnv(stage, { THREADS_API_URL: `https://${host}:${port}`, THREADS_CLIENT_SECRET: undefined, THREADS_CA_FILE: ca.file, ...settings });
  const it = stage.spawn('check', 'nsenter', ['-t', world.pid, '-m', '-n', 'setpriv', '--reuid', 'www-data', '--regid', 'www-data', '--clear-groups',
    stage.binary('threads-oauth.fcgi'), '--check', '--online', '--env-file', envFile], { uid: 0, gid: 0, env });
  const { code } = await it.exited;
  world.child.kill('SIGKILL');
  await world.exited;
  canaries.assertNoCanary(it.out + it.err, 'what it says');
  return { status: code, told: it.out.split('\n').filter((line) => / is reached by /.test(line)), err: it.err };
}

const warning = (text) => `threads-oauth: warning: ${name} ${text}\n`;
const unanswered = (family) => warning(`has ${family} addresses too, but none of them answers from this machine: each new connection may wait for them, up to 200 ms. `
  + `Repair ${family} on this machine, or turn it off.`);
const both = ['tls@192.0.2.1', 'tls@2001:db8::1'];

describe('by which address families Threads is reached', { skip, concurrency: 2 }, () => {
  for (const [what, { reached, err = '', ...world }] of Object.entries({
    'both': { addresses: [v4, v6], servers: both, reached: 'IPv4 and IPv6.' },
    'a name with IPv4 addresses alone': { addresses: [v4], servers: both, reached: 'IPv4.' },
    'a name with IPv6 addresses alone': { addresses: [v6], servers: both, reached: 'IPv6.' },
    'IPv6 refuses': { addresses: [v4, v6], servers: ['tls@192.0.2.1'], reached: 'IPv4.', err: unanswered('IPv6') },
    'IPv4 refuses': { addresses: [v4, v6], servers: ['tls@2001:db8::1'], reached: 'IPv6.', err: unanswered('IPv4') },
    'IPv6 is silent': { addresses: [v4, silent.v6], servers: both, reached: 'IPv4.', err: unanswered('IPv6') },
    'IPv4 is silent': { addresses: [silent.v4, v6], servers: both, reached: 'IPv6.', err: unanswered('IPv4') },
    'one of two IPv6 addresses answers': { addresses: [v4, silent.v6, v6], servers: both, reached: 'IPv4 and IPv6.' },
    'a blackhole route': { addresses: [v4, '2001:db8:2::1'], servers: both, reached: 'IPv4.', err: unanswered('IPv6') },
    'an unreachable route': { addresses: [v4, '2001:db8:3::1'], servers: both, reached: 'IPv4.', err: unanswered('IPv6') },
    'a prohibited route': { addresses: [v4, '2001:db8:4::1'], servers: both, reached: 'IPv4.', err: unanswered('IPv6') },
    'no route at all': { addresses: [v4, '2001:db8:5::1'], servers: both, reached: 'IPv4; this machine has no route to its IPv6 addresses.' },
    'IPv6 is turned off': { addresses: [v4, v6], servers: ['tls@192.0.2.1'], setting: 'echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6',
      reached: 'IPv4; this machine has no route to its IPv6 addresses.' },
  })) {
    // The longest timeout: a silent family must not be waited for so long.
    test(what, { timeout: 60_000 }, async () => {
      assert.deepEqual(await check({ ...world, settings: { THREADS_TIMEOUT: '300' } }), { status: 0, told: [`${name} is reached by ${reached}`], err });
    });
  }

  const noTls = warning('accepts connections by IPv6 from this machine, but TLS fails on them: logins that go that way fail. Repair IPv6 on this machine, or turn it off.');
  for (const [what, mode] of [['says nothing', 'mute'], ['breaks off', 'reset']]) {
    test(`IPv6 accepts connections and ${what}`, async () => {
      const { told, err } = await check({ addresses: [v4, v6], servers: ['tls@192.0.2.1', `${mode}@2001:db8::1`] });
      assert.deepEqual(told, [`${name} is reached by IPv4.`]);
      assert.ok(err.startsWith(noTls), err);
    });
  }
  const alone = warning('has only IPv6 addresses here, and this machine does not reach them: every login fails. Find out why DNS gives no IPv4 address, or repair IPv6 on this machine.');
  for (const [what, address] of [['is silent', silent.v6], ['refuses', v6], ['has no route', '2001:db8:5::1']]) {
    test(`IPv6 alone, and it ${what}`, async () => {
      const { status, told, err } = await check({ addresses: [address], servers: ['tls@192.0.2.1'], settings: { THREADS_TIMEOUT: '0.5' } });
      assert.deepEqual([status, told], [1, []]);
      assert.ok(err.startsWith(alone), err);
    });
  }

  test('neither: the failed exchange says it', async () => {
    const { status, told, err } = await check({ addresses: [v4, v6], servers: [] });
    assert.deepEqual([status, told], [1, []]);
    assert.match(err, /^threads-oauth: https:\/\/threads\.test:8443: [^\n]*connection failed[^\n]*\n$/);
  });
  test('a certificate that THREADS_CA_FILE does not vouch for', async () => {
    const { status, told, err } = await check({ addresses: [v4, v6], servers: both, settings: { THREADS_CA_FILE: undefined } });
    assert.deepEqual([status, told], [1, []]);
    assert.match(err, /^threads-oauth: https:\/\/threads\.test:8443: [^\n]*TLS could not be verified[^\n]*\n$/);
  });
  test('an address in place of a name: nothing to tell', async () => {
    assert.deepEqual(await check({ addresses: [], servers: both, host: v4 }), { status: 0, told: [], err: '' });
  });
  for (const variable of ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY']) {
    test(`behind a proxy, by ${variable}: nothing to tell`, async () => {
      const { status, told, err } = await check({ addresses: [v4, v6], servers: both, env: { [variable]: `http://[${v6}]:1` } });
      assert.deepEqual([status, told], [1, []]);
      assert.match(err, /^threads-oauth: https:\/\/threads\.test:8443: [^\n]*connection failed[^\n]*\n$/);
    });
  }
  test('no such name', async () => {
    const { status, told, err } = await check({ addresses: [], servers: both });
    assert.deepEqual([status, told], [1, []]);
    assert.match(err, /^threads-oauth: https:\/\/threads\.test:8443: [^\n]*does not resolve[^\n]*\n$/);
  });
});

test('nothing leaked', () => canaries.assertNothingLeaked(stage));
