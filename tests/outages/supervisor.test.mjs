// What systemd is told (sd_notify(3)): that the program serves, reads its configuration again, ends; and that
// each worker's loop still turns. A program that stops saying so is started again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { send } from '../lib/fastcgi.mjs';
import { hasSanitizers, until } from '../lib/hostile.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { root, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { me } from './rig.mjs';

const stage = new Stage();
after(() => stage.close());
let count = 0;

// A datagram socket in systemd's place, at a path or at an abstract address (unix(7)); `messages` is what came. Node has no such sockets, Perl has.
const receive = `use Socket; $| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, pack_sockaddr_un($ARGV[0] =~ s/^@/\\0/r)) or die "$!";
print "ready\\n"; while (defined recv($s, my $m, 4096, 0)) { $m =~ s/\\n/ | /g; print "$m\\n" }`;

async function startSystemd({ abstract = false } = {}) {
  count += 1;
  const name = abstract ? `@threads-oauth-test-${process.pid}-${count}` : stage.path(`notify-${count}`);
  const systemd = stage.spawn('systemd', 'perl', ['-e', receive, name]);
  await systemd.said(/ready/);
  return {
    env: { NOTIFY_SOCKET: name },
    get messages() { return systemd.out.split('\n').slice(1, -1); },
    heard: (pattern) => systemd.said(pattern),
  };
}

describe('systemd is told', () => {
  test('when the program serves, reads its configuration again, and ends', async () => {
    const systemd = await startSystemd();
    const envFile = writeEnv(stage);
    const program = await startProgram(stage, { envFile, env: systemd.env });
    await systemd.heard(/^READY=1 \| STATUS=Serving\.$/m);
    program.child.kill('SIGHUP');
    await systemd.heard(/^RELOADING=1\nREADY=1 \| STATUS=Serving\.$/m);
    fs.writeFileSync(envFile, 'THREADS_APP_ID=\n');
    program.child.kill('SIGHUP');
    await systemd.heard(/^RELOADING=1\nREADY=1 \| STATUS=Serving by the old configuration: the new one is wrong\.$/m);
    program.child.kill('SIGTERM');
    assert.equal((await program.exited).code, 0);
    await systemd.heard(/^STOPPING=1 \| STATUS=Finishing what is in flight\.$/m);
    assert.ok(!systemd.messages.includes('WATCHDOG=1'), 'nobody has asked for it');
  });

  test('at an abstract address', async () => {
    const systemd = await startSystemd({ abstract: true });
    await startProgram(stage, { envFile: writeEnv(stage), env: systemd.env });
    await systemd.heard(/^READY=1/m);
  });

  test('nothing, where the configuration is wrong: it ends with 78 before', async () => {
    const systemd = await startSystemd();
    const program = stage.spawn('program', stage.binary('threads-oauth.fcgi'), ['--listen', stage.path('wrong.sock'), '--env-file', writeEnv(stage, { THREADS_APP_ID: 'x' })], { env: systemd.env });
    assert.equal((await program.exited).code, 78);
    assert.deepEqual(systemd.messages, []);
  });

  test('nothing, where nobody listens: the program serves all the same', async () => {
    const program = await startProgram(stage, { envFile: writeEnv(stage), env: { NOTIFY_SOCKET: stage.path('nobody'), WATCHDOG_USEC: '10000' } });
    assert.equal((await send(program.address, { path: '/healthz' })).status, 200);
  });
});

test('systemd that is busy and whose queue is full misses nothing: a lost READY=1 would fail the start', async () => {
  const name = stage.path('busy');
  const systemd = stage.spawn('systemd', 'perl', ['-e', `use Socket; use Fcntl; $| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; my $name = pack_sockaddr_un($ARGV[0]);
bind($s, $name) or die "$!"; chmod(0777, $ARGV[0]); socket(my $other, AF_UNIX, SOCK_DGRAM, 0) or die; fcntl($other, F_SETFL, O_NONBLOCK); 1 while defined send($other, "other", 0, $name);
my $busy = 1; $SIG{USR1} = sub { $busy = 0 }; print "busy\n"; select(undef, undef, undef, 0.1) while $busy; while (defined recv($s, my $m, 4096, 0)) { print "$m\n" }`, name]);
  await systemd.said(/busy/);
  const program = await startProgram(stage, { envFile: writeEnv(stage), env: { NOTIFY_SOCKET: name } });
  assert.equal((await send(program.address, { path: '/healthz' })).status, 200);
  systemd.child.kill('SIGUSR1');
  await systemd.said(/^READY=1$/m);
});

describe('the watchdog', () => {
  test('is fed while the workers are idle', async () => {
    const systemd = await startSystemd();
    await startProgram(stage, { envFile: writeEnv(stage), env: { ...systemd.env, WATCHDOG_USEC: '100000' }, args: ['--workers', '3'] });
    await systemd.heard(/(WATCHDOG=1\n){5}/);
  });

  test('is not fed for another process', async () => {
    const systemd = await startSystemd();
    const program = await startProgram(stage, { envFile: writeEnv(stage), env: { ...systemd.env, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' } });
    for (let i = 0; i < 50; i += 1) assert.equal((await send(program.address, { path: '/healthz' })).status, 200);
    assert.ok(!systemd.messages.includes('WATCHDOG=1'));
  });

  const skip = hasSanitizers && 'a sanitizer must be loaded before any other library';
  test('is not fed while one of the workers does not come back from libcurl, and again when it has', { skip }, async () => {
    const library = stage.path('stuck.so');
    execFileSync('cc', ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, path.join(root, 'tests/outages/stuck.c')]);
    const systemd = await startSystemd();
    const upstream = await Upstream.start(stage);
    upstream.answers({ status: 200, body: '{"id":"1"}' });
    const stuck = stage.path('stuck');
    const program = await startProgram(stage, {
      envFile: writeEnv(stage, { THREADS_API_URL: upstream.url }), args: ['--workers', '2'],
      env: { ...systemd.env, WATCHDOG_USEC: '200000', LD_PRELOAD: library, STUCK: stuck },
    });
    await systemd.heard(/WATCHDOG=1/);
    stage.write('stuck', '', 0o644);
    const reply = send(program.address, me);
    // The one that hangs may have turned since it was looked at last, so a message or two may still come. After
    // those the other worker goes on serving, and nothing is said: for ten times as long as it takes.
    const fed = () => systemd.messages.filter((message) => message === 'WATCHDOG=1').length;
    let before;
    do {
      before = fed();
      await new Promise((resolve) => { setTimeout(resolve, 500); });
    } while (fed() > before);
    fs.rmSync(stuck);
    assert.equal((await reply).status, 200);
    await until(() => fed() > before, 'the watchdog is fed again');
  });
});

test('nothing leaked', () => assertNothingLeaked(stage));
