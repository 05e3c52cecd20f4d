// Nobody reads stderr, or nothing can be written there. That may cost log lines, which are counted, and
// nothing else.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { after, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { Connection, send } from '../lib/fastcgi.mjs';
import { until } from '../lib/hostile.mjs';
import { runCgi, startProgram, writeEnv } from '../lib/servers.mjs';
import { inTime, Stage } from '../lib/stage.mjs';

const stage = new Stage();
after(() => stage.close());
const O_NONBLOCK = 0o4000;
let count = 0;

// A pipe: {reader, writer}, two descriptors. Opening both ends without waiting takes one that is
// non-blocking; the one that is written to is not.
function makePipe() {
  count += 1;
  const file = stage.path(`pipe-${count}`);
  execFileSync('mkfifo', [file]);
  const reader = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const writer = fs.openSync(file, fs.constants.O_WRONLY);
  stage.closers.push(() => { fs.closeSync(reader); fs.closeSync(writer); });
  return { reader, writer };
}

const isNonBlocking = (fd) => (Number.parseInt(/^flags:\s*(\d+)/m.exec(fs.readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))[1], 8) & O_NONBLOCK) !== 0;

// All that the pipe holds.
function readPipe(fd) {
  const bytes = Buffer.alloc(1 << 20);
  let text = '';
  for (;;) {
    try {
      const length = fs.readSync(fd, bytes);
      if (length === 0) return text;
      text += bytes.toString('utf8', 0, length);
    } catch (error) {
      if (error.code === 'EAGAIN') return text;
      throw error;
    }
  }
}

async function dropped(address) {
  const { text } = await send(address, { path: '/metrics' });
  return Number(/^threads_oauth_log_lines_dropped_total (\d+)$/m.exec(text)?.[1]);
}

// More lines than any buffer on the way may hold: of some 120 bytes each.
const many = 16_000;
async function ask(address, times = many) {
  await Promise.all(Array.from({ length: 20 }, async () => {
    const connection = await Connection.open(address);
    for (let i = 0; i < times / 20; i += 1) assert.equal((await connection.request({ path: '/config' }, { keep: true })).status, 200);
    connection.close();
  }));
}

const start = (options) => startProgram(stage, { envFile: writeEnv(stage), args: ['--workers', '2'], ...options });

describe('nobody reads stderr', () => {
  const kinds = [
    ['a pipe', () => {
      const { reader, writer } = makePipe();
      return {
        stdio: ['ignore', 'pipe', writer],
        before: () => assert.ok(!isNonBlocking(writer), 'another writer of the pipe finds it non-blocking'),
        read: async () => readPipe(reader),
      };
    }],
    ['a socket', () => ({
      stdio: ['ignore', 'pipe', 'pipe'],  // Node's pipes are sockets
      silence: (program) => { program.child.stderr.pause(); },
      before: () => {},
      read: async (program) => { program.child.stderr.resume(); return program.err; },
    })],
  ];
  for (const [what, make] of kinds) {
    test(`${what}: every request is served, lines are dropped and counted, and the next reader is told`, async () => {
      const { stdio, silence, before, read } = make();
      const program = await start({ stdio });
      silence?.(program);
      await ask(program.address);
      before();
      const lost = await dropped(program.address);
      assert.ok(lost > 0, `${lost} lines dropped`);
      assert.ok(lost < many, 'what fits is kept');
      // Whoever reads again gets what was kept, what comes now, and how much is missing.
      let text = '';
      await until(async () => {
        text += await read(program);
        if (program.err) text = program.err;
        if (/msg="\d+ log lines were dropped/.test(text)) return true;
        await send(program.address, { path: '/healthz' });
        return false;
      }, 'a line about the dropped ones', 20_000);
      const lines = text.split('\n').filter((line) => line);
      assert.ok(lines.every((line) => /^time=\S+ (id|msg)=/.test(line)), 'a torn line');
      const told = lines.map((line) => Number(/msg="(\d+) log lines were dropped/.exec(line)?.[1] ?? 0)).reduce((a, b) => a + b);
      assert.equal(told, await dropped(program.address));
    });

    test(`${what}: SIGHUP and SIGTERM are obeyed`, async () => {
      const { stdio, silence } = make();
      const program = await start({ stdio });
      silence?.(program);
      await ask(program.address);
      program.child.kill('SIGHUP');
      await until(async () => /config_reloads_total\{result="success"\} 1/.test((await send(program.address, { path: '/metrics' })).text), 'the reload');
      const exited = program.child.exitCode ?? new Promise((resolve) => { program.child.once('exit', (code) => resolve(code)); });
      program.child.kill('SIGTERM');
      assert.equal(await exited, 0);
    });
  }

  for (const [what, settings, status] of [['', {}, 200], [', with a wrong configuration', { THREADS_APP_ID: 'x' }, 500]]) {
    test(`under CGI${what}: the reply is given and the process ends`, async () => {
      const { writer } = makePipe();
      // Full to the last byte.
      execFileSync('sh', ['-c', 'dd if=/dev/zero bs=4096 count=4096 oflag=nonblock >&3 2>/dev/null || :'], { stdio: ['ignore', 'ignore', 'ignore', writer] });
      assert.ok(isNonBlocking(writer), 'dd has made it so');
      const spawn = stage.spawn.bind(stage);
      // A pipe of its own description again, blocking: opened by its name.
      const blocking = fs.openSync(`/proc/self/fd/${writer}`, fs.constants.O_WRONLY);
      assert.ok(!isNonBlocking(blocking));
      stage.spawn = (name, command, args, options) => spawn(name, command, args, { ...options, stdio: ['pipe', 'pipe', blocking] });
      try {
        const run = runCgi(stage, { envFile: writeEnv(stage, settings) }, { path: '/config' });
        assert.equal((await inTime(run, 'the end of the process')).status, status);
      } finally {
        stage.spawn = spawn;
        fs.closeSync(blocking);
      }
    });
  }
});

test('a pipe whose reader has gone: the program starts and serves', async () => {
  // Ten times: the first line may be written before or after the program has said that it wants no SIGPIPE.
  for (let i = 0; i < 10; i += 1) {
    const file = stage.path(`gone-${i}`);
    execFileSync('mkfifo', [file]);
    const reader = fs.openSync(file, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
    const writer = fs.openSync(file, fs.constants.O_WRONLY);
    fs.closeSync(reader);
    const program = await start({ stdio: ['ignore', 'pipe', writer] });
    fs.closeSync(writer);
    assert.equal((await send(program.address, { path: '/healthz' })).status, 200);
    program.child.kill('SIGTERM');
    assert.equal((await program.exited).code, 0);
  }
});

test('a full disk: every request is served, and the lines are counted', async () => {
  const full = fs.openSync('/dev/full', 'w');
  const program = await start({ stdio: ['ignore', 'pipe', full] });
  fs.closeSync(full);
  await ask(program.address, 100);
  await until(async () => await dropped(program.address) >= 100, 'the count');
});

test('nothing leaked', () => assertNothingLeaked(stage));
