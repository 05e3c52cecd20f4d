// deploy/threads-token against the real things: each command, each failure, and what it must never do.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { send } from '../lib/http.mjs';
import { root } from '../lib/stage.mjs';
import { answer, day, rig } from './rig.mjs';

const it = rig();
const stamp = (seconds) => new Date(seconds * 1000).toISOString().replace('.000', '');
const read = (name) => fs.readFileSync(path.join(root, name), 'utf8');

describe('usage and settings', () => {
  test('--help and --version', async () => {
    const help = await it.run(['--help']);
    assert.deepEqual([help.code, help.err], [0, '']);
    const { out, code } = await it.run(['--version']);
    assert.equal(code, 0);
    assert.equal(out.trim().split(' ')[1], /^## (\d.*)$/m.exec(read('CHANGELOG.md'))[1]);
    const manual = read('deploy/threads-token.1').replaceAll('Fl -', '--');
    for (const option of new Set(help.out.match(/--[a-z-]+|THREADS_TOKEN_[A-Z_]+|[a-z_]+=$/gm))) {
      assert.ok(manual.includes(option), `the manual lacks ${option}`);
    }
  });

  for (const [name, args, says] of [
    ['no command', [], /usage/],
    ['an unknown command', ['renew'], /no command renew/],
    ['two commands', ['show', 'env'], /one command/],
    ['an unknown option', ['--tokn', 'show'], /no option --tokn/],
    ['an option without its value', ['show', '--file'], /needs a value/],
    ['an empty value', ['--file=', 'show'], /needs a value/],
    ['--token for another command', ['refresh', '--token'], /for show/],
    ['--if-older-than for another command', ['show', '--if-older-than', '3'], /for refresh/],
    ['days that are none', ['refresh', '--if-older-than', '3d'], /number of days/],
    ['days with a zero in front', ['refresh', '--if-older-than', '08'], /number of days/],
    ['60 days', ['refresh', '--if-older-than', '60'], /at most 59/],
    ['a timeout that is none', ['login', '--timeout', '0'], /seconds/],
    ['http elsewhere', ['login', '--server', 'http://login.example.com'], /must be https/],
    ['http to a name that begins with 127.', ['login', '--server', 'http://127.evil.example'], /must be https/],
    ['http to a name that begins with localhost', ['login', '--server', 'http://localhost.evil.example'], /must be https/],
    ['a user in the address', ['login', '--server', 'https://a@login.example.com'], /does not belong there/],
    ['a blank in the address', ['login', '--server', 'https://login.example.com/ x'], /does not belong there/],
    ['another scheme', ['login', '--server', 'file:///etc'], /must be|no host/],
    ['a folder for a file', ['show', '--file', '/tmp'], /is a folder/],
    ['a configuration that is not there', ['show', '--config', '/none'], /cannot be read/],
  ]) {
    test(`refused: ${name}`, async () => {
      const { code, out, err } = await it.run(args);
      assert.deepEqual([code, out], [2, ''], err);
      assert.match(err, says);
    });
  }

  test('no server', async () => {
    const { code, err } = await it.run(['login'], { env: { THREADS_TOKEN_SERVER: '' } });
    assert.equal(code, 2);
    assert.match(err, /which server/);
  });

  test('an option beats the environment, which beats the file; lines are not executed', async () => {
    const folder = it.folder();
    const config = path.join(folder, 'the config');
    const said = async (args, env) => (await it.run(args, { env })).err;
    it.stage.write(path.relative(it.stage.dir, config), `# where it is\r\nfile=${folder}/c $(touch ${folder}/x)\r\n\ntimeout=5`);
    const named = { THREADS_TOKEN_CONFIG: config };
    assert.ok((await said(['show'], named)).includes(`at ${folder}/c $(touch ${folder}/x) yet`));
    assert.ok((await said(['show'], { ...named, THREADS_TOKEN_FILE: `${folder}/e` })).includes(`at ${folder}/e yet`));
    assert.ok((await said(['show', `--file=${folder}/o`], { ...named, THREADS_TOKEN_FILE: `${folder}/e` })).includes(`at ${folder}/o yet`));
    assert.deepEqual(fs.readdirSync(folder), ['the config']);
    fs.appendFileSync(config, '\nservr=x\n');
    assert.match(await said(['show'], named), /line 5 of .* is none of/);
  });

  test('the default place, and a configuration there', async () => {
    it.stage.write('home/.config/threads-token/config', `server=${it.server}/\n`, 0o600);
    it.stage.folder('home/.config/threads-token');
    const home = it.stage.path('home/.config/threads-token');
    const env = { THREADS_TOKEN_SERVER: '' };
    assert.match((await it.run(['show'], { env })).err, new RegExp(`no token at ${home}/token.json`));
    const xdg = { ...env, XDG_CONFIG_HOME: it.stage.path('elsewhere') };
    assert.match((await it.run(['show'], { env: xdg })).err, /no token at .*elsewhere\/threads-token\/token.json/);
    assert.equal((await it.run(['show'], { env: { HOME: '', ...env } })).code, 2);
    assert.equal((await it.run(['login'], { env, input: 'https://login.example.com/?error=access_denied\n' })).code, 6, 'the server is found');
  });
});

describe('login', () => {
  test('stores the long-lived token, readable by its owner alone', async () => {
    const file = path.join(it.folder(), 'deep er/token.json');
    const { code, out, err, address } = await it.login(file);
    assert.deepEqual([code, err], [0, '']);
    const asked = new URL(address).searchParams;
    assert.equal(asked.get('redirect_uri'), `${it.server}/auth/callback`);
    assert.equal(asked.get('scope'), 'threads_basic,threads_content_publish');
    assert.match(asked.get('state'), /^threads-token-[0-9a-f]{32}$/);
    const { access_token: token, ...rest } = it.stored(file);
    assert.deepEqual(rest, { token_type: 'bearer', user_id: '17841405793187219', issued: it.now, expires: it.now + 60 * day, server: it.server });
    assert.ok((await it.inspect(token)).is_valid);
    assert.ok(!out.includes(token));
    assert.ok(out.includes(stamp(it.now + 60 * day)) && out.includes(stamp(it.now + day)));
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.equal(fs.statSync(path.dirname(file)).mode & 0o777, 0o700);
    assert.deepEqual(fs.readdirSync(path.dirname(file)), ['token.json']);
  });

  for (const [name, paste] of [
    ['without #_', (landed) => landed.replace('#_', '')],
    ['with blanks around it', (landed) => `  ${landed}\t\r`],
    ['with the #_ percent-encoded', (landed) => landed.replace(/(code=[^&]*)/, '$1%23_').replace(/#_$/, '')],
    ['with the code percent-encoded', (landed) => landed.replace('code=A', 'code=%41')],
    ['with the parameters in another order', (landed) => landed.replace(/\?(code=[^&]*)&(state=[^#]*)/, '?x=y&$2&$1')],
  ]) {
    test(`takes the address ${name}`, () => it.loggedIn({ paste }));
  }

  test('asks for what it is told to, at a redirect URI of its own', async () => {
    const args = ['--redirect-uri', `${it.server}/bot?a=b c`.replace(' ', '%20'), '--scope', 'threads_basic'];
    const file = path.join(it.folder(), 'token.json');
    const { code, err, address } = await it.login(file, { args });
    assert.equal(code, 0, err);
    assert.equal(new URL(address).searchParams.get('redirect_uri'), args[1]);
    assert.deepEqual((await it.inspect(it.stored(file).access_token)).scopes, ['threads_basic']);
  });

  test('each login has another state', async () => {
    const states = await Promise.all([1, 2].map(async () => {
      const run = await it.run(['login', '--file', path.join(it.folder(), 't')]);
      assert.equal(run.code, 6);
      return /state=(\S+)/.exec(run.out)[1];
    }));
    assert.notEqual(states[0], states[1]);
  });

  const old = { file: undefined };
  const refused = (name, says, options, status = 6) => test(`refused, and the old token stays: ${name}`, async () => {
    old.file ??= await it.loggedIn();
    const { err } = await it.fails(old.file, status, () => it.login(old.file, options));
    assert.match(err, says);
  });
  refused('a denial', /denied: The user denied your request\. Nothing was sent/, { decision: 'deny' });
  refused('a denial without a state', /denied/, { decision: 'deny', paste: (landed) => landed.replace(/&state=.*/, '') });
  refused('a denial that plays with the terminal', /denied: no {2}\[2Jé\./, { paste: () => 'https://a.example/?error=x&error_description=no+%1B%5B2J%C3%A9' });
  refused('a state of another login', /of another login/, { paste: (landed) => landed.replace(/state=threads-token-./, 'state=threads-token-x') });
  refused('no state', /of another login/, { paste: (landed) => landed.replace(/&state=[^#]*/, '') });
  refused('no code', /no code/, { paste: (landed) => landed.replace(/code=[^&]*&/, '') });
  refused('an empty code', /no code/, { paste: (landed) => landed.replace(/code=[^&]*&/, 'code=&') });
  refused('a code with a line break', /character that no code has/, { paste: (landed) => landed.replace('code=', 'code=a%0Ab') });
  refused('an address without a query', /no code/, { paste: () => 'https://login.example.com/auth/callback' });
  refused('nothing', /no code|nothing was pasted/, { paste: () => '' });
  refused('the address that was printed', /no code/, { paste: () => 'https://threads.net/oauth/authorize?client_id=1&state=x' });
  refused('a code that was used already', /used/, {
    paste: async (landed) => {
      const body = JSON.stringify({ code: new URL(landed).searchParams.get('code'), redirect_uri: `${it.server}/auth/callback` });
      assert.equal((await send(it.port, { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body })).status, 200);
      return landed;
    },
  });
  refused('a code that is none', /not found/, { paste: (landed) => landed.replace('code=', 'code=x') });

  for (const [decision, says] of [
    ['error-1349245', /has not accepted the invite.*\n.*Website permissions/s],
    ['error-1349168', /URL Blocked.*\n.*chip/s],
    ['error-1349187', /Insecure Login Blocked.*\n.*https/s],
    ['error-1349026', /No application data.*\n.*THREADS_APP_ID/s],
    ['error-4476002', /No app ID.*\n.*THREADS_APP_ID/s],
    ['error-1', /unknown error.*\n.*THREADS_APP_ID/s],
    ['error-application', /TH__APPLICATION.*\n.*THREADS_APP_ID/s],
  ]) {
    refused(`what Threads shows on its own page, explained: ${decision}`, says, { decision });
  }
  refused('JSON that is none', /neither an address nor Meta's JSON/, { paste: () => '{"error_message":' });

  for (const mode of ['error', 'broken', 'slow']) {
    test(`passing trouble, and the old token stays: ${mode}`, async () => {
      old.file ??= await it.loggedIn();
      const { err } = await it.mode(mode, () => it.fails(old.file, 75, () => it.login(old.file)));
      assert.match(err, /start again/);
    });
  }

  test('the server is down, or another one', async () => {
    const file = await it.loggedIn();
    await it.fails(file, 75, () => it.run(['login', '--file', file, '--server', it.nowhere]));
    const other = await it.scripted(answer(200, '{"hello":"world"}'));
    await it.fails(file, 6, () => it.run(['login', '--file', file, '--server', other]));
  });

  test('a folder that cannot be written is told before anything is asked', async () => {
    const folder = it.folder();
    fs.chmodSync(folder, 0o555);
    const { code, out, err } = await it.run(['login', '--file', path.join(folder, 'token.json')]);
    assert.deepEqual([code, out], [1, '']);
    assert.match(err, /nothing can be written/);
  });
});

describe('show and env', () => {
  test('nothing stored, or no token', async () => {
    const folder = it.folder();
    const file = path.join(folder, 'token.json');
    for (const command of ['show', 'refresh', 'env']) {
      assert.equal((await it.run([command, '--file', file])).code, 3);
      for (const text of ['', '{}', '{"access_token":"a"', '{"access_token":"a","issued":1,"expires":"2"}', '{"access_token":"a b","issued":1,"expires":2}', 'THQVJ']) {
        it.stage.write(path.relative(it.stage.dir, file), text);
        const { code, out, err } = await it.run([command, '--file', file]);
        assert.deepEqual([code, out], [3, '']);
        assert.match(err, /holds no token/);
      }
      fs.rmSync(file);
    }
  });

  test('show tells everything but the token, and the token only when asked', async () => {
    const file = await it.loggedIn();
    const token = it.stored(file).access_token;
    const issued = it.now;
    const at = async (seconds, ...args) => it.run(['show', '--file', file, ...args], { env: { THREADS_TOKEN_NOW: String(issued + seconds) } });
    const fresh = await at(3600);
    assert.equal(fresh.code, 0, fresh.err);
    assert.ok(!fresh.out.includes(token));
    for (const part of [file, it.server, '17841405793187219', `${stamp(issued)} (60 minutes ago)`, `from ${stamp(issued + day)} (in 23 hours)`, `${stamp(issued + 60 * day)} (in 59 days)`]) {
      assert.ok(fresh.out.includes(part), `${part} in ${fresh.out}`);
    }
    assert.match((await at(day)).out, /^refresh {2}now$/m);
    const dead = await at(60 * day);
    assert.equal(dead.code, 5);
    assert.match(dead.out, /^refresh {2}too late$/m);
    assert.equal((await at(0, '--token')).out, `${token}\n`);
    assert.deepEqual(JSON.parse((await at(0, '--json')).out), {
      user_id: '17841405793187219', server: it.server, issued, refreshable: issued + day, expires: issued + 60 * day, expired: false });
  });

  test('env gives lines that a shell reads back; none of a dead token', async () => {
    const file = await it.loggedIn();
    const { code, out } = await it.run(['env', '--file', file]);
    assert.equal(code, 0);
    const { access_token: token, expires } = it.stored(file);
    assert.equal(out, `THREADS_ACCESS_TOKEN=${token}\nTHREADS_USER_ID=17841405793187219\nTHREADS_TOKEN_EXPIRES=${expires}\n`);
    assert.equal(execFileSync('/bin/sh', ['-c', `${out}printf %s "$THREADS_ACCESS_TOKEN"`]).toString(), token);
    const odd = { ...it.stored(file), access_token: 'a$b;`c`"\\|' };
    it.stage.write(path.relative(it.stage.dir, file), JSON.stringify(odd));
    const lines = (await it.run(['env', '--file', file])).out;
    assert.equal(execFileSync('/bin/sh', ['-c', `${lines}printf %s "$THREADS_ACCESS_TOKEN"`]).toString(), odd.access_token);
    const dead = await it.run(['env', '--file', file], { env: { THREADS_TOKEN_NOW: String(expires) } });
    assert.deepEqual([dead.code, dead.out], [5, '']);
  });
});

describe('refresh', () => {
  test('under 24 hours: refused, with the time from when; then refreshed', async () => {
    const file = await it.loggedIn();
    const { issued, access_token: first } = it.stored(file);
    await it.pass('86399s');
    const { err } = await it.fails(file, 4, () => it.run(['refresh', '--file', file]));
    assert.ok(err.includes(stamp(issued + day)));
    await it.pass('1s');
    const { code, out } = await it.run(['refresh', '--file', file], { env: { THREADS_TOKEN_SERVER: '' } });
    assert.equal(code, 0);
    const fresh = it.stored(file);
    assert.notEqual(fresh.access_token, first);
    assert.deepEqual([fresh.issued, fresh.expires, fresh.user_id, fresh.server], [it.now, it.now + 60 * day, '17841405793187219', it.server]);
    assert.ok(out.includes(stamp(fresh.expires)) && !out.includes(fresh.access_token));
    assert.equal(fs.statSync(file).mode & 0o777, 0o600);
    assert.ok((await it.inspect(fresh.access_token)).is_valid);
  });

  test('--if-older-than', async () => {
    const file = await it.loggedIn();
    const text = fs.readFileSync(file, 'utf8');
    await it.pass('2591999s');
    const early = await it.run(['refresh', '--if-older-than', '30', '--file', file]);
    assert.deepEqual([early.code, early.err], [0, '']);
    assert.match(early.out, /^Nothing to do: the token is 29 days old/);
    assert.equal(fs.readFileSync(file, 'utf8'), text);
    await it.pass('1s');
    assert.match((await it.run(['refresh', '--if-older-than=30', '--file', file])).out, /^Refreshed/);
    await it.fails(file, 4, () => it.run(['refresh', '--if-older-than', '0', '--file', file]));
  });

  test('at 59 days it lives on, at 61 it is dead', async () => {
    const [kept, lost] = [await it.loggedIn(), await it.loggedIn()];
    await it.pass('59d');
    assert.equal((await it.run(['refresh', '--file', kept])).code, 0);
    await it.pass('2d');
    assert.match((await it.fails(lost, 5, () => it.run(['refresh', '--file', lost]))).err, /Log in again/);
    assert.equal((await it.run(['show', '--file', kept])).code, 0);
    // A machine whose clock is behind is told by Threads.
    const late = { env: { THREADS_TOKEN_NOW: String(it.now - 30 * day) } };
    assert.match((await it.fails(lost, 5, () => it.run(['refresh', '--file', lost], late))).err, /is dead.*Log in again/);
  });

  test('a link to the file stays one', async () => {
    const file = await it.loggedIn();
    const link = path.join(it.folder(), 'link');
    fs.symlinkSync(file, link);
    await it.pass('1d');
    assert.equal((await it.run(['refresh', '--file', link])).code, 0);
    assert.ok(fs.lstatSync(link).isSymbolicLink());
    assert.equal(it.stored(file).issued, it.now);
  });

  const old = { file: undefined };
  const long = `{"access_token":"THQVJ${'x'.repeat(140)}","token_type":"bearer","expires_in":5184000}`;
  for (const [name, bytes, status] of [
    ['an answer cut off', answer(200, long.slice(0, 60), long.length), 75],
    ['an answer cut off that is JSON', answer(200, long, long.length + 1), 75],
    ['no answer', '', 75],
    ['no HTTP', 'hello\r\n\r\n', 75],
    ['HTML', answer(200, '<p>Welcome to nginx'), 75],
    ['no token', answer(200, '{"expires_in":5184000}'), 75],
    ['a token with a line break', answer(200, '{"access_token":"a\\nb","expires_in":5184000}'), 75],
    ['a token without a life', answer(200, '{"access_token":"a"}'), 75],
    ['a life of no length', answer(200, '{"access_token":"a","expires_in":0}'), 75],
    ['two answers in one', answer(200, long + long), 75],
    ['too much', answer(200, `${long}${' '.repeat(70_000)}`), 75],
    ['somewhere else', 'HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n', 6],
    ['the rate limit', answer(429, '{"detail":"Too many requests"}'), 75],
    ['Meta\'s rate limit', answer(400, '{"detail":"User request limit reached","upstream":{"status":400,"code":17}}'), 75],
    ['a revocation', answer(400, '{"detail":"The user has not authorized application","upstream":{"status":400,"code":190,"subcode":458}}'), 5],
    ['another refusal', answer(400, '{"detail":"No","hint":"Do that","upstream":{"status":400,"code":100}}'), 6],
    ['a server error', answer(500, 'oops'), 75],
    ['a bad gateway', answer(502, '{"detail":"The login service is not running"}'), 75],
  ]) {
    test(`the stored token stays after ${name}`, async () => {
      const file = old.file ??= await it.loggedIn();
      const server = await it.scripted(bytes);
      const env = { THREADS_TOKEN_NOW: String(it.stored(file).issued + day) };
      await it.fails(file, status, () => it.run(['refresh', '--file', file, '--server', server], { env }));
    });
  }

  test('the stored token stays when a signal comes in between', async () => {
    const file = await it.loggedIn();
    const silent = net.createServer();
    await new Promise((resolve) => { silent.listen(0, '127.0.0.1', resolve); });
    it.stage.closers.push(() => silent.close());
    const asked = new Promise((resolve) => { silent.once('connection', (socket) => { socket.on('error', () => {}); resolve(socket); }); });
    await it.fails(file, 143, async () => {
      const run = it.spawn(['refresh', '--file', file, '--server', `http://127.0.0.1:${silent.address().port}`], {
        env: { THREADS_TOKEN_NOW: String(it.now + day) }, shell: ['setsid', '/bin/sh'], input: '' });
      (await asked).once('data', () => process.kill(-run.pid, 'SIGTERM'));
      const ended = await it.ended(run);
      return { ...ended, err: 'threads-token: ended' };
    });
  });

  test('the stored token stays when the disk is full', async () => {
    const file = await it.loggedIn();
    await it.pass('1d');
    const full = { shell: ['/bin/sh', '-c', 'ulimit -f 0; exec /bin/sh "$@"', 'sh'] };
    assert.match((await it.fails(file, 1, () => it.run(['refresh', '--file', file], full))).err, /cannot be written/);
  });

  test('a machine without jq', async () => {
    const bin = it.folder();
    for (const name of ['sh', 'cat', 'date', 'dirname', 'rm']) fs.symlinkSync(execFileSync('which', [name]).toString().trim(), path.join(bin, name));
    const { code, err } = await it.run(['show'], { env: { PATH: bin } });
    assert.deepEqual([code, err], [1, 'threads-token: curl is needed and not here\n']);
  });
});

describe('whatever it does', () => {
  // busybox has no fixed place: THREADS_TEST_SHELLS="/path/busybox sh;bash" names what else to try.
  const here = ['dash', 'bash --posix', 'busybox sh', 'ksh', 'mksh'].filter((shell) => {
    try {
      return execFileSync('which', [shell.split(' ')[0]], { stdio: 'pipe' }).length > 0;
    } catch {
      return false;
    }
  });
  for (const shell of [...here, ...(process.env.THREADS_TEST_SHELLS?.split(';') ?? [])]) {
    test(`works with ${shell}`, async () => {
      const options = { shell: shell.split(' ') };
      const file = await it.loggedIn(options);
      await it.pass('1d');
      for (const args of [['refresh'], ['show'], ['show', '--json'], ['env']]) {
        const { code, err } = await it.run([...args, '--file', file], options);
        assert.deepEqual([code, err], [0, '']);
      }
      await it.fails(file, 6, () => it.login(file, { ...options, decision: 'deny' }));
      await it.fails(file, 2, () => it.run(['--file', file, '--nothing'], options));
    });
  }

  test('no code and no token is part of a command line, or of what a command finds in its environment', async () => {
    const bin = it.folder();
    const log = path.join(bin, 'log');
    for (const name of ['curl', 'jq', 'awk', 'sed', 'tr', 'mv', 'mktemp', 'sync', 'dirname', 'date', 'od', 'rm', 'mkdir', 'cat', 'stat', 'chown', 'chmod', 'flock']) {
      const real = execFileSync('which', [name]).toString().trim();
      it.stage.write(path.join(path.relative(it.stage.dir, bin), name), `#!/bin/sh\n{ printf '%s ' "$0" "$@"; env; } >>'${log}'\nexec ${real} "$@"\n`, 0o755);
    }
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const secrets = [];
    const file = path.join(it.folder(), 'token.json');
    const { code, err } = await it.login(file, { env, paste: (landed) => { secrets.push(new URL(landed).searchParams.get('code')); return landed; } });
    assert.equal(code, 0, err);
    secrets.push(it.stored(file).access_token);
    await it.pass('1d');
    for (const command of ['refresh', 'show', 'env']) assert.equal((await it.run([command, '--file', file], { env })).code, 0);
    secrets.push(it.stored(file).access_token);
    const seen = fs.readFileSync(log, 'utf8');
    for (const name of ['curl', 'jq', 'mv']) assert.ok(seen.includes(`${bin}/${name} `));
    for (const secret of secrets) {
      assert.ok(secret.length > 100);
      assert.ok(!seen.includes(secret.slice(0, 40)));
    }
  });

  test('a proxy in the environment gets nothing of a server on this machine', async () => {
    const file = await it.loggedIn({ env: { http_proxy: it.nowhere, ALL_PROXY: it.nowhere } });
    assert.equal(fs.existsSync(file), true);
  });

  test('nothing of the app\'s secrets is in a log', () => assertNothingLeaked(it.stage));

});
