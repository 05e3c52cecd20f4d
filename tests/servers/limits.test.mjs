// The limit of token requests by client: whom each web server that has one takes for one client, over IPv6 and IPv4.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked, token } from '../lib/canaries.mjs';
import { nextAddress, send } from '../lib/http.mjs';
import { ownNetwork } from '../lib/network.mjs';
import { startNginx, startProgram, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { startCluster, startHaproxy } from './fronts.mjs';

// Addresses that begin with the same 64 bits, which their short forms hide.
const networks = {
  '2001:db8:0:5': ['2001:db8:0:5::1', '2001:db8:0:5::2', '2001:db8:0:5:1:2:3:4', '2001:db8:0:5:ffff::', '2001:db8:0:5:0:1::', '2001:db8:0:5:1::1'],
  '2001:db8:0:0': ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:1::', '2001:db8::1:2:3:4', '2001:db8:0:0:1:2::', '2001:db8::1:0:0:1'],
  'fd00:0:0:5': ['fd00:0:0:5::1', 'fd00:0:0:5::2', 'fd00::5:1:2:3:4', 'fd00::5:4:3:2:1', 'fd00:0:0:5:1::', 'fd00:0:0:5:0:1::'],
};
const others = ['2001:db8:0:6::1', '2001:db9::1', 'fd00:0:0:6::1', 'fd00::6:1:2:3:4'];
const skip = await ownNetwork(import.meta.url, [...Object.values(networks).flat(), ...others]);

const haproxyOnBoth = [['bind 127.0.0.1:', 'bind :::'], [/(?<=bind :::\d+ )/, 'v4v6 ']];

// Each listens by IPv6 with IPv4 as a part of it, so that an IPv4 address comes as ::ffff:127.0.0.1. `each`: how many
// requests one client may always send at once.
const limited = {
  nginx: { each: 20, start: (stage, { socket }) => startNginx(stage, {
    socket, edits: [['listen 127.0.0.1:', 'listen [::]:'], [/(?<=listen \[::\]:\d+)(?=;)/, ' ipv6only=off']] }) },
  HAProxy: { each: 44, start: (stage, { socket }) => startHaproxy(stage, { socket, edits: haproxyOnBoth }) },
  'HAProxy before several machines': { each: 44, start: (stage, { tcp }) => startCluster(stage, { address: tcp, edits: haproxyOnBoth }) },
};

const ask = (port, from, path = '/me') => send(port, { path, headers: { Authorization: `Bearer ${token}` } }, { from });

// What comes of `each` requests from each of the addresses, all at once.
const askAll = (port, addresses, each, path) => Promise.all(addresses.flatMap((from) => Array.from({ length: each }, () => ask(port, from, path))));

function assertLimited(answers) {
  const refused = answers.filter(({ status }) => status !== 200);
  assert.notEqual(refused.length, 0, 'nobody was refused');
  for (const answer of refused) {
    assert.equal(answer.status, 429, answer.text);
    assert.match(JSON.parse(answer.text).detail, /^Too many requests/);
    assert.deepEqual([answer.all('content-type'), answer.all('cache-control')], [['application/json'], ['no-store']]);
    assert.match(answer.get('retry-after'), /^[1-9]$/);
    assert.equal(answer.all('retry-after').length, 1);
  }
}
const assertServed = (answers) => assert.deepEqual(answers.filter(({ status }) => status !== 200).map(({ text }) => text), []);

for (const [name, { each, start }] of Object.entries(limited)) {
  describe(`${name}: a client`, { skip }, () => {
    const stage = new Stage();
    let port;
    let upstream;
    before(async () => {
      upstream = await Upstream.start(stage);
      upstream.answers({ body: '{"id":"1"}' });
      const envFile = writeEnv(stage, { THREADS_API_URL: upstream.url });
      const { address: { path: socket } } = await startProgram(stage, { envFile });
      const { address: tcp } = await startProgram(stage, { envFile, tcp: true });
      ({ port } = await start(stage, { socket, tcp }));
    });
    after(() => stage.close());

    for (const [network, addresses] of Object.entries(networks)) {
      test(`is all of ${network}::/64`, async () => assertLimited(await askAll(port, addresses, each)));
    }

    test('is no other network of IPv6', async () => {
      for (const address of others) assertServed(await askAll(port, [address], each / 2));
    });

    test('is one address of IPv4', async () => {
      const [one, another] = [nextAddress(), nextAddress()];
      assertLimited(await askAll(port, [one], 6 * each));
      assertServed(await askAll(port, [another], each));
    });

    test('that is refused still gets the page', async () => {
      const from = nextAddress();
      assertLimited(await askAll(port, [from], 6 * each));
      assert.equal((await send(port, { path: '/config' }, { from })).status, 200);
    });

    test('gets a 429 of Threads as it is', async (t) => {
      t.after(() => upstream.answers({ body: '{"id":"1"}' }));
      upstream.answers({ status: 429, headers: { 'Retry-After': '17' }, body: '{"error":{"message":"Slow down"}}' });
      const answer = await ask(port, nextAddress());
      assert.deepEqual([answer.status, answer.all('retry-after')], [429, ['17']]);
      assert.match(answer.text, /Slow down/);
    });

    test('cannot spell a path so that it does not count', async () => {
      const answers = await askAll(port, [nextAddress()], 6 * each, '/%6de');
      assert.ok(answers.some(({ status }) => status !== 200));
    });

    test('leaves nothing secret in a log', () => assertNothingLeaked(stage));
  });
}
