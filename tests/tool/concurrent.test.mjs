// Several commands at one stored token: a refresh replaces the token that it refreshed and no other,
// and who may read the file stays as it was.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { answer, day, rig } from './rig.mjs';

const it = rig();
const longLived = (name) => `THQV${name}${'x'.repeat(120)}`;
const granted = (name) => answer(200, JSON.stringify({ access_token: longLived(name), token_type: 'bearer', expires_in: 60 * day }));
const revoked = answer(400, '{"detail":"Session has been invalidated","upstream":{"status":400,"code":190}}');
const where = (command) => execFileSync('which', [command], { encoding: 'utf8' }).trim();

// A token of 31 days, written as the tool would have, and the server that its refreshes ask. `asked(run)` resolves to
// the request of a refresh that has been started.
async function old() {
  const file = path.join(it.folder(), 'token.json');
  const [issued, expires] = [it.now - 31 * day, it.now + 29 * day];
  it.stage.write(path.relative(it.stage.dir, file), JSON.stringify({ access_token: longLived('old'), user_id: '1', issued, expires, server: it.server }));
  const upstream = await it.holding();
  const args = ['refresh', '--if-older-than', '30', '--file', file, '--server', upstream.url];
  const refresh = (options) => it.spawn(args, { input: '', ...options });
  const asked = (run) => Promise.race([upstream.next(), run.exited.then(() => assert.fail(`it ended: ${run.err}`))]);
  return { file, upstream, refresh, asked, token: () => it.stored(file).access_token };
}

// A folder with one command that is not the real one, to be put before PATH.
function instead(name, script) {
  const bin = it.folder();
  it.stage.write(path.join(path.relative(it.stage.dir, bin), name), `#!/bin/sh\n${script}\n`, 0o755);
  return { PATH: `${bin}:${process.env.PATH}` };
}

describe('a login that ends while a refresh is under way', () => {
  for (const [name, bytes] of [
    ['is answered', granted('late')],
    ['is refused', revoked],
    ['meets a bad gateway', answer(502, '{"detail":"The login service is not running"}')],
    ['gets no answer', ''],
    ['gets what is no token', answer(200, '{}')],
  ]) {
    test(`stays when the refresh ${name}`, async () => {
      const { file, refresh, asked, token } = await old();
      const run = refresh();
      const request = await asked(run);
      assert.equal((await it.login(file)).code, 0);
      const newer = token();
      request.answer(bytes);
      const { code, out, err } = await it.ended(run);
      assert.equal(code, 0, err);
      assert.match(out, /newer token.*is kept/);
      assert.equal(token(), newer);
      assert.deepEqual(fs.readdirSync(path.dirname(file)), ['token.json']);
    });
  }

  // `mv` of the one and `sleep` of the other say so when they begin, and go on when their standard input says so.
  test('waits for a refresh that is just replacing the file, and wins', async () => {
    const { file, refresh, asked, token } = await old();
    const begun = (name) => `echo '${name} begins' >&2; read -r _; exec ${where(name)} "$@"`;
    const run = refresh({ input: undefined, env: instead('mv', begun('mv')) });
    (await asked(run)).answer(granted('late'));
    await run.said(/mv begins/);
    const login = it.spawn(['login', '--file', file], { env: instead('sleep', begun('sleep')) });
    const [address] = await login.said(/http\S+\/oauth\/authorize\S+/);
    login.child.stdin.write(`${await it.decide(address)}\n`);
    await login.said(/sleep begins|^Stored/m);
    run.child.stdin.end('\n');
    const { code, out } = await it.ended(run);
    assert.equal(code, 0);
    assert.match(out, /^Refreshed/);
    login.child.stdin.end('\n');
    assert.equal((await it.ended(login)).code, 0);
    assert.notEqual(token(), longLived('late'));
    assert.equal(it.stored(file).server, it.server);
  });
});

describe('two refreshes at once', () => {
  test('ask Threads once, and both succeed', async () => {
    const { file, upstream, refresh, asked, token } = await old();
    const first = refresh();
    const request = await asked(first);
    const second = refresh();
    await Promise.race([second.said(/Waiting/), upstream.next().then((another) => another.answer(granted('second')))]);
    request.answer(granted('first'));
    for (const [run, says] of [[first, /^Refreshed/], [second, /^Waiting.*\n.*newer token.*is kept/]]) {
      const { code, out, err } = await it.ended(run);
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, says);
    }
    assert.equal(upstream.count, 1);
    assert.equal(token(), longLived('first'));
    assert.deepEqual(fs.readdirSync(path.dirname(file)), ['token.json']);
  });

  for (const [name, end] of [
    ['fails', (run, request) => request.answer('')],
    ['is killed', (run) => process.kill(-run.pid, 'SIGKILL')],
  ]) {
    test(`the second one asks when the first one ${name}`, async () => {
      const { refresh, asked, token } = await old();
      const first = refresh({ shell: ['setsid', '/bin/sh'] });
      const request = await asked(first);
      const second = refresh();
      await second.said(/Waiting/);
      end(first, request);
      assert.notEqual((await it.ended(first)).code, 0);
      (await asked(second)).answer(granted('second'));
      assert.equal((await it.ended(second)).code, 0);
      assert.equal(token(), longLived('second'));
    });
  }

  test('a machine without flock: the first answer stays', async () => {
    const bin = it.folder();
    for (const name of ['cat', 'chgrp', 'chmod', 'chown', 'curl', 'date', 'dirname', 'jq', 'mkdir', 'mktemp', 'mv', 'rm', 'sleep', 'stat', 'sync']) {
      fs.symlinkSync(where(name), path.join(bin, name));
    }
    const { refresh, asked, token } = await old();
    const [first, second] = [refresh({ env: { PATH: bin } }), refresh({ env: { PATH: bin } })];
    const [one, other] = [await asked(first), await asked(second)];
    one.answer(granted('first'));
    const earlier = await Promise.race([first.exited.then(() => first), second.exited.then(() => second)]);
    assert.match((await it.ended(earlier)).out, /^Refreshed/);
    other.answer(granted('second'));
    const { code, out, err } = await it.ended(earlier === first ? second : first);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /newer token.*is kept/);
    assert.equal(token(), longLived('first'));
  });
});

test('a token that was removed while a refresh is under way stays removed', async () => {
  const { file, refresh, asked } = await old();
  const run = refresh();
  const request = await asked(run);
  fs.rmSync(file);
  request.answer(granted('late'));
  const { code, err } = await it.ended(run);
  assert.equal(code, 3, err);
  assert.deepEqual(fs.readdirSync(path.dirname(file)), []);
});

// The tool's account has a second group, and the test gives files to accounts as it likes.
describe('who may read the file', { skip: process.getuid() !== 0 && 'needs root' }, () => {
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'www-data'], { encoding: 'utf8' })));
  const [ours, strange] = [60_001, 60_002];
  const member = {
    account: { uid: 0, gid: 0 },
    shell: ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, `--groups=${gid},${ours}`, '/bin/sh'],
  };
  const access = (file) => {
    const { mode, uid: owner, gid: group } = fs.statSync(file);
    return { mode: (mode & 0o7777).toString(8), owner, group };
  };
  const given = (file, group, mode) => {
    fs.chownSync(file, uid, group);
    fs.chmodSync(file, mode);
    return { mode: mode.toString(8), owner: uid, group };
  };
  const refreshed = async ({ refresh, asked, token }, options) => {
    const run = refresh(options);
    (await asked(run)).answer(granted('new'));
    const { code, err } = await it.ended(run);
    assert.deepEqual([code, err], [0, '']);
    assert.equal(token(), longLived('new'));
  };

  for (const mode of [0o640, 0o440, 0o664, 0o604]) {
    test(`stays the same: ${mode.toString(8)} and a group`, async () => {
      const bot = await old();
      const before = given(bot.file, ours, mode);
      await refreshed(bot, member);
      assert.deepEqual(access(bot.file), before);
    });
  }

  test('stays the same after another login', async () => {
    const { file, token } = await old();
    const before = given(file, ours, 0o640);
    assert.equal((await it.login(file, member)).code, 0);
    assert.notEqual(token(), longLived('old'));
    assert.deepEqual(access(file), before);
  });

  test('the owner stays when root refreshes', async () => {
    const bot = await old();
    const before = given(bot.file, strange, 0o640);
    await refreshed(bot, { account: { uid: 0, gid: 0 } });
    assert.deepEqual(access(bot.file), before);
  });

  test('a group that may read the file and cannot be kept: refused before anything is asked', async () => {
    const { file, upstream, refresh } = await old();
    const before = given(file, strange, 0o640);
    const { err } = await it.fails(file, 1, () => it.ended(refresh()));
    assert.match(err, /group of .* cannot be kept/);
    assert.equal(upstream.count, 0);
    const login = await it.run(['login', '--file', file]);
    assert.deepEqual([login.code, login.out], [1, '']);
    assert.deepEqual(access(file), before);
  });

  test('a group that may not read the file need not be kept', async () => {
    const bot = await old();
    given(bot.file, strange, 0o600);
    await refreshed(bot);
    assert.deepEqual(access(bot.file), { mode: '600', owner: uid, group: gid });
  });
});
