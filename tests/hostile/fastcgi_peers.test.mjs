// Peers that speak FastCGI badly, late, never, or in thousands. After each the program is alive, has asked
// Threads for nothing that was not a whole request, and serves the next at once.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked, code, otherToken, token } from '../lib/canaries.mjs';
import { ABORT, BEGIN, cgiParams, Connection, encodeParams, encodeRequest, END, GET_VALUES, PARAMS, record, send, STDERR, STDIN, STDOUT } from '../lib/fastcgi.mjs';
import { assertContract, cpuTicks, descriptors, hasSanitizers, memory, pause, push, sockets, timed, until } from '../lib/hostile.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { connect, inTime, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const stage = new Stage();
const success = `{"access_token":"${otherToken}"}`;
const me = { path: '/me', headers: { Authorization: `Bearer ${token}` } };
const login = { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, redirect_uri: 'r' }) };
const encode = (request, more) => encodeRequest({ params: cgiParams(request), body: request.body, ...more });
const begin = (id = 1, role = 1, flags = 0) => record(BEGIN, id, Buffer.from([role >> 8, role & 255, flags, 0, 0, 0, 0, 0]));
const withVersion = (bytes, version) => { const copy = Buffer.from(bytes); copy[0] = version; return copy; };
const params = encodeParams(cgiParams(me));
const DATA = 8;

let upstream;
let envFile;
let it;
let own;  // the sockets that it has for itself
before(async () => {
  upstream = await Upstream.start(stage);
  envFile = writeEnv(stage, { THREADS_API_URL: upstream.url, THREADS_TIMEOUT: '6' });
  it = await startProgram(stage, { envFile });
  await assertServes();
  own = sockets(it.pid).unix;
});
after(() => stage.close());

async function assertServes(address = it.address, within = 1_000) {
  upstream.answers({ body: success });
  const [answer, ms] = await timed(() => send(address, me));
  assert.equal(answer.text, success);
  assert.ok(ms < within, `a normal request took ${Math.round(ms)} ms`);
}

// A length that promises more than comes.
const lying = (name, value) => Buffer.concat([Buffer.from([0x80 | (name >>> 24), name >>> 16 & 255, name >>> 8 & 255, name & 255, 0x80 | (value >>> 24), value >>> 16 & 255, value >>> 8 & 255, value & 255]), Buffer.from('AB')]);
const ended = (type, id = 1) => record(type, id);

// What is no request: it must be closed, unanswered or refused, without Threads being asked.
const broken = {
  'no FastCGI: HTTP': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'no FastCGI: TLS': Buffer.from('16030100c0010000bc0303'.padEnd(60, '0'), 'hex'),
  'no FastCGI: zeros': Buffer.alloc(64),
  'no FastCGI: 0xff': Buffer.alloc(64, 0xff),
  'SCGI': Buffer.from('24:CONTENT_LENGTH\x000\x00SCGI\x001\x00,'),
  ...Object.fromEntries([0, 2, 255].map((version) => [`version ${version}`, withVersion(encode(me), version)])),
  'a later record of another version': Buffer.concat([begin(), withVersion(record(PARAMS, 1, params), 2), ended(PARAMS), ended(STDIN)]),
  ...Object.fromEntries([0, 2, 3, 4, 257, 65535].map((role) => [`role ${role}`, Buffer.concat([begin(1, role), record(PARAMS, 1, params), ended(PARAMS), ended(STDIN)])])),
  ...Object.fromEntries([0, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, 10, 11, 12, 255].map((type) => [`a record of type ${type} first`, Buffer.concat([record(type, 1, Buffer.alloc(8)), encode(me)])])),
  ...Object.fromEntries([0, BEGIN, ABORT, END, STDIN, STDOUT, DATA, GET_VALUES, 11, 255].map((type) => [`a record of type ${type} amid the params`, Buffer.concat([begin(), record(PARAMS, 1, params), record(type, 1, Buffer.alloc(8)), ended(PARAMS), ended(STDIN)])])),
  ...Object.fromEntries([0, BEGIN, ABORT, PARAMS, STDOUT, DATA, GET_VALUES, 255].map((type) => [`a record of type ${type} amid the body`, Buffer.concat([begin(), record(PARAMS, 1, params), ended(PARAMS), record(STDIN, 1, Buffer.from('x')), record(type, 1, Buffer.alloc(8)), ended(STDIN)])])),
  'request id 0': encode(me, { id: 0 }),
  'a management record': record(GET_VALUES, 0, encodeParams({ FCGI_MAX_CONNS: '', FCGI_MPXS_CONNS: '' })),
  'an unknown management record': record(200, 0, Buffer.alloc(8)),
  'a management record amid a request': Buffer.concat([begin(), record(GET_VALUES, 0), record(PARAMS, 1, params), ended(PARAMS), ended(STDIN)]),
  'an empty BEGIN': record(BEGIN, 1),
  'a short BEGIN': record(BEGIN, 1, Buffer.from([0, 1, 0])),
  'a long BEGIN': record(BEGIN, 1, Buffer.alloc(16, 1)),
  // libfcgi would read the padding of this record as the next ones.
  'BEGIN with padding': Buffer.concat([record(BEGIN, 1, Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]), 255), record(PARAMS, 1, params), ended(PARAMS), ended(STDIN)]),
  'ends of streams with padding': Buffer.concat([begin(), record(PARAMS, 1, params), record(PARAMS, 1, Buffer.alloc(0), 255), record(STDIN, 1, Buffer.alloc(0), 255)]),
  'BEGIN with a request for its padding': Buffer.concat([Buffer.from([1, BEGIN, 0, 1, 0, 8, 128, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Buffer.concat([ended(PARAMS), ended(STDIN)], 128), record(PARAMS, 1, params), ended(PARAMS), ended(STDIN)]),
  'BEGIN twice': Buffer.concat([begin(), encode(me)]),
  'another id in the params': Buffer.concat([begin(1), record(PARAMS, 2, params), ended(PARAMS, 2), ended(STDIN, 2)]),
  'another id in the body': Buffer.concat([begin(1), record(PARAMS, 1, params), ended(PARAMS), ended(STDIN, 2)]),
  'two requests multiplexed': Buffer.concat([begin(1), begin(2), record(PARAMS, 1, params), record(PARAMS, 2, params), ended(PARAMS, 1), ended(PARAMS, 2), ended(STDIN, 2), ended(STDIN, 1)]),
  'a name of 2 GiB': Buffer.concat([begin(), record(PARAMS, 1, lying(0x7fffffff, 1)), ended(PARAMS), ended(STDIN)]),
  'a value of 2 GiB': Buffer.concat([begin(), record(PARAMS, 1, lying(1, 0x7fffffff)), ended(PARAMS), ended(STDIN)]),
  'a value longer than the params': Buffer.concat([begin(), record(PARAMS, 1, lying(1, 500)), ended(PARAMS), ended(STDIN)]),
  'a length cut off': Buffer.concat([begin(), record(PARAMS, 1, Buffer.from([0x80, 0])), ended(PARAMS), ended(STDIN)]),
  'a pair cut off': Buffer.concat([begin(), record(PARAMS, 1, params.subarray(0, -3)), ended(PARAMS), ended(STDIN)]),
  'endless params': Buffer.concat([begin(), record(PARAMS, 1, encodeParams({ A: 'x'.repeat(60_000) })), record(PARAMS, 1, encodeParams({ B: 'x'.repeat(60_000) }))]),
  'endless empty pairs': Buffer.concat([begin(), record(PARAMS, 1, Buffer.alloc(65_535)), record(PARAMS, 1, Buffer.alloc(65_535))]),
  'an endless body': Buffer.concat([begin(), record(PARAMS, 1, encodeParams(cgiParams(login))), ended(PARAMS), record(STDIN, 1, Buffer.alloc(65_535, 32)), record(STDIN, 1, Buffer.alloc(65_535, 32))]),
  'a body of padding': Buffer.concat([begin(), record(PARAMS, 1, encodeParams(cgiParams(login))), ended(PARAMS), ...Array(600).fill(record(STDIN, 1, Buffer.from(' '), 255))]),
};

describe('what is no request is closed, and nothing else happens', () => {
  for (const [name, bytes] of Object.entries(broken)) {
    test(name, async () => {
      upstream.answers({ body: success });
      const connection = await Connection.open(it.address);
      connection.write(bytes);
      const [, ms] = await timed(async () => {
        for (;;) {
          const got = await connection.record();
          if (got === null) return;
          if (got.type === STDOUT && got.content.length) assert.match(got.content.toString(), /^Status: 4\d\d /);
        }
      });
      assert.ok(ms < 1_500, `closed after ${Math.round(ms)} ms`);
      assert.equal(upstream.requests.length, 0);
      await assertServes();
    });
  }
});

// A request that lies or says odd things, in whole records: it must be answered.
describe('a request with', () => {
  const variables = (more, request = me) => encodeRequest({ params: { ...cgiParams(request), ...more }, body: request.body });
  const cases = {
    'no variables at all': [encodeRequest({ params: {} }), [404, 405]],
    'an empty method': [variables({ REQUEST_METHOD: '' }), [404, 405]],
    'a NUL in the method': [variables({ REQUEST_METHOD: 'GET\0POST' }), [200, 405]],
    'a line end in the method': [variables({ REQUEST_METHOD: 'GET\r\nX: 1' }), 405],
    'a method of 20 KB': [variables({ REQUEST_METHOD: 'X'.repeat(20_000) }), 405],
    'a path with a NUL': [variables({ SCRIPT_NAME: '/me\0x' }), [200, 404]],
    'a path of 20 KB': [variables({ SCRIPT_NAME: `/${'x'.repeat(20_000)}` }), 404],
    'a path with dots': [variables({ SCRIPT_NAME: '/../me' }), 404],
    'an empty path': [variables({ SCRIPT_NAME: '' }), 404],
    'a name with a line end': [variables({ 'X\r\nY': '1' }), 200],
    'a variable without a name': [variables({ '': 'x' }), 200],
    '2,000 variables': [variables(Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`X${i}`, 'x']))), [200, 414]],
    'CONTENT_LENGTH shorter than the body': [variables({ CONTENT_LENGTH: '5' }, login), 400],
    'CONTENT_LENGTH longer than the body': [variables({ CONTENT_LENGTH: '500' }, login), 400],
    'CONTENT_LENGTH of a body that is not there': [variables({ CONTENT_LENGTH: '10' }, { ...login, body: '' }), 400],
    'no CONTENT_LENGTH': [encodeRequest({ params: { ...cgiParams({ ...login, body: undefined }) }, body: login.body }), 200],
    'CONTENT_LENGTH -1': [variables({ CONTENT_LENGTH: '-1' }, login), 400],
    'CONTENT_LENGTH +5': [variables({ CONTENT_LENGTH: '+5' }, login), 400],
    'CONTENT_LENGTH with a blank': [variables({ CONTENT_LENGTH: ' 5' }, login), 400],
    'CONTENT_LENGTH 1e3': [variables({ CONTENT_LENGTH: '1e3' }, login), 400],
    'CONTENT_LENGTH beyond 64 bits': [variables({ CONTENT_LENGTH: '99999999999999999999999' }, login), [400, 413]],
    'CONTENT_LENGTH of 10 MB': [variables({ CONTENT_LENGTH: '10000000' }, login), [400, 413]],
    'a body to a GET': [variables({}, { ...me, body: 'x'.repeat(1_000) }), 200],
    'params and body in records of one byte': [encode({ ...login, headers: { ...login.headers } }, { chunk: 1 }), 200],
    'padding of 255 behind content': [Buffer.concat([begin(), record(PARAMS, 1, params, 255), ended(PARAMS), ended(STDIN)]), 200],
    'id 65535': [encode(me, { id: 65535 }), 200, 65535],
    'reserved bits set in its flags': [Buffer.concat([begin(1, 1, 0xfe), record(PARAMS, 1, params), ended(PARAMS), ended(STDIN)]), 200],
    'an unterminated token in the header': [variables({ HTTP_AUTHORIZATION: `Bearer ${'x'.repeat(20_000)}` }), [200, 400, 414]],
    'a line end in the token': [variables({ HTTP_AUTHORIZATION: `Bearer ${token}\r\nX-Injected: 1` }), [200, 400]],
    'a line end in the host': [variables({ HTTP_HOST: 'x\r\nX-Injected: 1' }), 200],
  };
  for (const [name, [bytes, statuses, id]] of Object.entries(cases)) {
    test(name, async () => {
      upstream.answers({ body: success });
      const connection = await Connection.open(it.address);
      connection.write(bytes);
      const answer = await connection.answer(id);
      assert.notEqual(answer, null, 'closed without an answer');
      assertContract(answer, statuses);
      for (const sent of upstream.requests) assert.equal(sent.headers['x-injected'], undefined);
      connection.close();
    });
  }
});

describe('cut short', () => {
  // Where records begin, and the bytes around it.
  const cuts = (bytes) => {
    const at = new Set([0, 1]);
    for (let i = 0; i < bytes.length; i += 8 + bytes.readUInt16BE(i + 4) + bytes[i + 6]) for (const offset of [-1, 0, 1, 7, 8, 9]) at.add(i + offset);
    return [...at].filter((n) => n >= 0 && n < bytes.length).sort((a, b) => a - b);
  };
  for (const [name, request] of Object.entries({ 'a GET': me, 'a POST': login })) {
    const bytes = encode(request, { chunk: 64 });
    for (const [how, leave] of Object.entries({ 'closed there': (socket) => socket.end(), 'reset there': (socket) => socket.destroy(), 'half-closed and waiting': (socket) => { socket.allowHalfOpen = true; socket.end(); } })) {
      test(`${name}, at each record's edges, ${how}`, async () => {
        upstream.answers({ body: success });
        const at = cuts(bytes);
        assert.ok(at.length > 20);
        await Promise.all(at.map(async (length) => {
          const connection = await Connection.open(it.address);
          await push(connection.socket, bytes.subarray(0, length));
          leave(connection.socket);
        }));
        assert.equal(upstream.requests.length, 0);
        await assertServes();
      });
    }
    test(`${name}, at each record's edges, and sent on later`, async () => {
      upstream.answers({ body: success });
      const at = cuts(bytes);
      const connections = await Promise.all(at.map(async (length) => {
        const connection = await Connection.open(it.address);
        await push(connection.socket, bytes.subarray(0, length));
        return connection;
      }));
      await assertServes();
      await Promise.all(connections.map(async (connection, i) => {
        connection.write(bytes.subarray(at[i]));
        assert.equal((await connection.answer()).text, success);
        connection.close();
      }));
    });
  }
  test('by an ABORT_REQUEST while Threads is asked: the answer or the end, and no harm', async () => {
    let release;
    const gate = new Promise((resolve) => { release = resolve; });
    upstream.answers(async () => { await gate; return { body: success }; });
    const connection = await Connection.open(it.address);
    connection.write(encode(me, { keep: true }));
    await upstream.asked();
    connection.write(record(ABORT, 1));
    release();
    const answer = await connection.answer();
    assert.ok(answer === null || answer.text === success);
    await assertServes();
  });
});

test('pipelined requests are answered in order or refused by closing, never mixed up', async () => {
  const answerOf = { '/': '{"Hello":"World"}', '/me': success };
  for (const paths of [['/', '/'], ['/me', '/'], ['/', '/me', '/'], ['/me', '/me']]) {
    upstream.answers({ body: success });
    const connection = await Connection.open(it.address);
    connection.write(Buffer.concat(paths.map((path, i) => encode({ ...me, path }, { id: i + 1, keep: true }))));
    const answers = new Map();  // id -> what its STDOUT said
    for (let got = await connection.record(); got !== null && answers.size < paths.length; got = await connection.record()) {
      if (got.type === STDOUT) answers.set(got.id, (answers.get(got.id) ?? '') + got.content);
      if (got.type === END && got.id === paths.length) break;
    }
    assert.ok(answers.has(1), 'the first is answered');
    assert.deepEqual([...answers.keys()], [...answers.keys()].map((_, i) => i + 1), 'in order');
    for (const [id, text] of answers) assert.ok(text.endsWith(`\r\n\r\n${answerOf[paths[id - 1]]}`), text);
    assert.ok(upstream.requests.length <= paths.filter((path) => path === '/me').length);
    connection.close();
  }
  await assertServes();
});

// npm's fastcgi-client ends its input twice after stdin.end(''): the empty text becomes an empty STDIN record, and so
// does the end. Closing while the second one is on its way would reset the connection and take the reply with it.
for (const tcp of [false, true]) {
  const where = tcp ? 'TCP' : 'a unix socket';
  test(`a second end of the input, sent after the reply, finds the connection open: ${where}`, async () => {
    const { address } = await startProgram(stage, { envFile, tcp });
    const socket = await connect({ ...address, allowHalfOpen: true });
    const connection = new Connection(socket);
    let failed;
    socket.on('error', (error) => { failed = error; });
    const [toldTheEnd, closed] = [once(socket, 'end'), new Promise((resolve) => { socket.once('close', resolve); })];
    connection.write(encode({ path: '/config' }));
    assert.equal((await connection.answer()).status, 200);
    await inTime(toldTheEnd, 'the end of the reply');
    await push(socket, ended(STDIN));
    socket.end();
    await inTime(closed, 'the close');
    assert.equal(failed, undefined);
  });
  test(`a second end of the input, sent with the first, costs no reply: ${where}`, async () => {
    const { address } = await startProgram(stage, { envFile, tcp });
    for (const keep of [false, true]) {
      const connection = await Connection.open(address);
      for (const bytes of [encode({ path: '/config' }, { keep }), ended(STDIN)]) await push(connection.socket, bytes);
      assert.equal((await connection.answer()).status, 200);
      connection.close();
    }
  });
}

test('2,000 requests of random damage', async () => {
  // A fixed generator: the same damage each time.
  let seed = 20_26;
  const random = (below) => { seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0; return (seed >>> 8) % below; };
  const sources = [encode(me), encode(login), encode(login, { chunk: 16 })];
  upstream.answers({ body: success });
  for (let i = 0; i < 2_000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, async () => {
      const bytes = Buffer.from(sources[random(3)]);
      for (let n = 1 + random(4); n > 0; n -= 1) bytes[random(bytes.length)] = random(3) ? random(256) : 1 << random(8);
      const connection = await Connection.open(it.address);
      await push(connection.socket, random(4) ? bytes : bytes.subarray(0, random(bytes.length)));
      connection.socket.end();
    }));
  }
  await assertServes();
});

test('100 peers that never read their answers of 64 KiB', async () => {
  const big = `{"a":"${'x'.repeat(65_000)}"}`;
  upstream.answers({ body: big });
  const peers = await Promise.all(Array.from({ length: 100 }, async () => {
    const connection = await Connection.open(it.address);
    connection.socket.pause();
    for (let i = 0; i < 4; i += 1) await push(connection.socket, encode(me, { keep: true, id: i + 1 }));
    return connection;
  }));
  await until(() => upstream.requests.length >= 100, 'all are served');
  await assertServes();
  for (const peer of peers) peer.close();
});

// A peer has ten seconds for its part; a connection on which nothing is due may stay for ever.
describe('let go of after a while, but for an idle kept connection:', { concurrency: true }, () => {
  const big = { body: `{"a":"${'x'.repeat(65_000)}"}` };
  const config = { path: '/config' };
  const half = encode(config).subarray(0, -4);
  const peers = {
    'a peer that says nothing': () => {},
    'half a request': (peer) => push(peer.socket, half),
    'half a second request on a kept connection': async (peer) => {
      assert.equal((await peer.request(config, { keep: true })).status, 200);
      await push(peer.socket, half);
    },
    'a peer that does not close after its last reply': async (peer) => assert.equal((await peer.request(config)).status, 200),
    'a peer that does not close after a refusal': async (peer) => {
      await push(peer.socket, encodeRequest({ params: cgiParams(login), body: ' '.repeat(20_000) }));
      assert.equal((await peer.answer()).status, 413);
    },
    // The first two replies fit into the socket's buffer.
    'a peer that takes no reply': async (peer, threads) => {
      peer.socket.pause();
      for (const id of [1, 2]) {
        await push(peer.socket, encode(me, { keep: true, id }));
        await until(() => threads.requests.length > id, `request ${id} is served`);
      }
      await push(peer.socket, Buffer.concat([encode(me, { keep: true, id: 3 }), encode(me, { keep: true, id: 4 })]));
    },
  };
  for (const [name, act] of Object.entries(peers)) {
    test(name, async () => {
      const threads = await Upstream.start(stage);
      threads.answers(big);
      const { pid, address } = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: threads.url, THREADS_TIMEOUT: '20' }) });
      const idle = await Connection.open(address);
      assert.equal((await idle.request(me, { keep: true })).status, 200);  // after it libcurl has all sockets that it needs
      const open = sockets(pid).unix;
      const peer = new Connection(await connect({ ...address, allowHalfOpen: true }));
      await act(peer, threads);
      await until(() => sockets(pid).unix === open + 1, 'the peer is accepted', 20_000);
      await until(() => sockets(pid).unix === open, 'the peer is let go of', 60_000);
      assert.equal((await idle.request(config, { keep: true })).status, 200);
      for (const connection of [peer, idle]) connection.close();
    });
  }
});

for (const [name, bytes] of Object.entries({ silent: Buffer.alloc(0), 'half-sent': encode(login).subarray(0, -4) })) {
  test(`2,000 ${name} connections: a normal request is not delayed, and memory stays small`, async () => {
    const own = await startProgram(stage, { envFile });
    await assertServes(own.address);
    const before = memory(own.pid);
    const peers = [];
    while (peers.length < 2_000) {
      peers.push(...await Promise.all(Array.from({ length: 100 }, async () => {
        const connection = await Connection.open(own.address);
        if (bytes.length) await push(connection.socket, bytes);
        return connection;
      })));
    }
    await until(() => sockets(own.pid).unix > 2_000, 'all are accepted');
    for (let i = 0; i < 3; i += 1) await assertServes(own.address);
    if (!hasSanitizers) assert.ok(memory(own.pid) - before < 16 * 1024, `${memory(own.pid) - before} KiB more`);
    const busy = cpuTicks(own.pid);
    await pause(300);
    assert.ok(cpuTicks(own.pid) - busy < 10, 'they cost CPU time while they wait');
    for (const peer of peers) peer.close();
    await assertServes(own.address);
    own.child.kill('SIGTERM');
    assert.deepEqual(await own.exited, { code: 0, signal: null });
  });
}

describe('out of descriptors', () => {
  let made = 0;
  const limited = async (count) => {
    made += 1;
    const path = stage.path(`limited-${made}.sock`);
    const own = stage.spawn('program', '/bin/sh', ['-c', `ulimit -n ${count}; exec "$@"`, 'sh', stage.binary('threads-oauth.fcgi'), '--listen', path, '--env-file', envFile]);
    own.address = { path };
    return stage.ready(own, own.address);
  };
  const occupy = (own, n) => Promise.all(Array.from({ length: n }, () => Connection.open(own.address)));

  test('new callers wait, without the loop spinning, and are served when there are some again', async () => {
    const own = await limited(48);
    const peers = await occupy(own, 80);
    await own.said(/descriptors/);
    const late = send(own.address, me);
    let answered = false;
    late.then(() => { answered = true; });
    await pause(400);
    assert.ok(!answered);
    // Each look at the listening socket that finds no descriptor leaves a line: a loop that spins leaves thousands.
    const looks = own.err.match(/out of descriptors/g).length;
    assert.ok(looks < 40, `it spins: ${looks} looks in 400 ms`);
    upstream.answers({ body: success });
    for (const peer of peers) peer.close();
    const [answer, ms] = await timed(() => late);
    assert.equal(answer.text, success);
    assert.ok(ms < 2_000, `${ms} ms`);
    for (let i = 0; i < 5; i += 1) await assertServes(own.address);
    assert.ok(descriptors(own.pid) < 40);
  });
  test('a caller whose exchange finds none gets a 502 or 503, and a 200 later', async () => {
    const own = await limited(48);
    const kept = await Connection.open(own.address);
    assertContract(await kept.request({ path: '/config' }, { keep: true }), 200);
    const peers = await occupy(own, 80);
    await own.said(/descriptors/);
    upstream.answers({ body: success });
    assertContract(await kept.request(me, { keep: true }), [502, 503]);
    assertContract(await kept.request({ path: '/config' }, { keep: true }), 200);
    for (const peer of peers) peer.close();
    await until(async () => (await kept.request(me, { keep: true })).status === 200, 'it comes back');
    kept.close();
    await assertServes(own.address);
    assert.equal(own.over, undefined);
  });
  test('more exchanges than descriptors allow: each is answered', async () => {
    const own = await limited(200);
    let release;
    const gate = new Promise((resolve) => { release = resolve; });
    upstream.answers(async () => { await gate; return { body: success }; });
    const all = Array.from({ length: 150 }, () => send(own.address, me));
    await upstream.asked();
    await until(() => upstream.requests.length >= 20, 'many are in flight');
    await pause(200);
    release();
    const statuses = (await Promise.all(all)).map((answer) => { assertContract(answer, [200, 502, 503]); return answer.status; });
    assert.ok(statuses.filter((status) => status === 200).length >= 20, `${statuses}`);
    await assertServes(own.address);
  });
});

test('the program that took all this is alive, small, and has let go of its connections', async () => {
  assert.equal(it.over, undefined);
  if (!hasSanitizers) assert.ok(memory(it.pid, 'VmHWM') < 64 * 1024, `${memory(it.pid, 'VmHWM')} KiB`);
  await until(() => sockets(it.pid).unix <= own + 1, 'connections whose peers have gone are closed', 13_000);
  for (let i = 0; i < 20; i += 1) await assertServes();
  it.child.kill('SIGTERM');
  assert.deepEqual(await it.exited, { code: 0, signal: null });
});

test('nothing leaked', () => assertNothingLeaked(stage));
