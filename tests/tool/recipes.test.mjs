// Every recipe with curl, jq or threads-token that the page, the READMEs and the manual show, as it stands there, in
// dash and in bash. It works; and when anything fails it says so by its status and leaves a stored token as it was.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { root } from '../lib/stage.mjs';
import { load } from '../page/load.mjs';
import { answer, day, rig } from './rig.mjs';

const it = rig();
const shells = ['dash', 'bash'];
const where = (command) => execFileSync('which', [command], { encoding: 'utf8' }).trim();
const [older, newer] = ['old', 'new'].map((name) => `THQVJ${name}${'x'.repeat(120)}`);
const code = `AQB${'x'.repeat(60)}`;

// ---- what is shown

const { curl, keep } = await load('login.js');
const site = 'https://site.example';  // whose page it is
const page = { ...keep(site), code: curl.code(site), token: curl.token(site, '/debug-token') };
const readme = fs.readFileSync(path.join(root, 'README.md'), 'utf8');  // page/readme.test.mjs: the Chinese one has the same
const manual = execFileSync('mandoc', ['-T', 'ascii', path.join(root, 'deploy/threads-token.1')], { encoding: 'utf8' })
  .replace(/.[\b]/g, '');  // bold and underlined
const found = (place, recipes) => recipes.map((text) => ({ place, text }));

// What is left in here at the end is a recipe without a test. The READMEs' sentences have some too, between backquotes;
// the one with --resolve does over TLS what another one does without.
const untested = [
  ...found('page', Object.values(page)),
  ...found('README', [...readme.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => block).filter((block) => /\b(curl|jq|threads-token)\b/.test(block))),
  ...found('README', [...readme.matchAll(/`((?:curl (?!--resolve)|\d+ \d+ \* )[^`]+)`/g)].map(([, span]) => span)),
  ...found('manual', [/^ +\$ [^]*?\n(?=\n)/m.exec(manual)[0].replace(/^ +(\$ |(?= ))/gm, '')]),
  ...found('manual', manual.match(/^ +\d+ \d+ \* .*$/gm).map((line) => line.trim())),
];

// Finds a recipe and calls it tested.
function shown(place, pattern) {
  const fitting = untested.filter((recipe) => recipe.place === place && pattern.test(recipe.text));
  assert.equal(fitting.length, 1, `${place}: recipes like ${pattern}`);
  untested.splice(untested.indexOf(fitting[0]), 1);
  return fitting[0].text;
}

// ---- what goes wrong

const json = JSON.stringify({ access_token: newer, token_type: 'bearer', expires_in: 60 * day });
const refusals = {
  'a 400': answer(400, '{"detail":"Session has been invalidated"}'),
  'a 502': answer(502, '{"detail":"The login service is not running"}'),
  'no answer': '',
  'an answer cut off': answer(200, json.slice(0, 40), json.length),
  'an answer cut off behind its JSON': answer(200, json, json.length + 1),
};
const nonsense = {
  'an empty answer': answer(200, ''),
  'no JSON': answer(200, '<p>Welcome to nginx'),
  'JSON that is no object': answer(200, '[]'),
  'no token': answer(200, '{"detail":"ok"}'),
  'a token that is null': answer(200, '{"access_token":null}'),
  'a token that is empty': answer(200, '{"access_token":""}'),
  'a token of two lines': answer(200, '{"access_token":"a\\nb"}'),
};
const failures = { ...refusals, ...nonsense };

// Where the releases of jq differ: whether -e takes it for an error that there was no input at all. Debian 12 has 1.6,
// Debian 13 has 1.7.1; the rest is this machine's.
const jqs = { 'jq 1.6': 0, 'jq 1.7.1': 4 };
const jqLike = (status) => `#!/bin/sh
case $1 in
  -*s* | -*n* | *[!a-z-]*) exec ${where('jq')} "$@" ;;
esac
input=$(cat && echo .)
case $1$input in
  -*e*.) [ "$input" != . ] || exit ${status} ;;
esac
printf '%s' "\${input%.}" | ${where('jq')} "$@"
`;

// ---- how it is run

const commands = {};  // name -> a folder to be put before PATH
before(() => {
  const folder = (name, scripts) => {
    for (const [command, text] of Object.entries(scripts)) it.stage.write(`${name}/${command}`, text, 0o755);
    fs.chmodSync(it.stage.path(name), 0o755);
    commands[name] = it.stage.path(name);
  };
  for (const [name, status] of Object.entries(jqs)) folder(name, { jq: jqLike(status) });
  // What is in a command line can be seen by everybody on the machine.
  const seen = it.stage.path('seen');
  it.stage.write('seen', '');
  folder('watched', Object.fromEntries(['curl', 'jq', 'sed', 'cp', 'mv', 'tr', 'cat', 'grep'].map((name) => [
    name, `#!/bin/sh\nprintf '%s\\n' "$0 $*" >>'${seen}'\nexec ${where(name)} "$@"\n`])));
  folder('announced', { sed: `#!/bin/sh\necho 'sed begins' >&2\nexec ${where('sed')} "$@"\n` });
  folder('quiet', { systemctl: '#!/bin/sh\necho "systemctl $*"\nexit "${FAILS:-0}"\n', sudo: '#!/bin/sh\necho "sudo $*"\n' });
});

// Runs a recipe in a folder; resolves to {code, out, err}.
async function run(shell, recipe, { folder = it.folder(), env = {}, first, input = '' } = {}) {
  const ran = it.stage.spawn('recipe', shell, ['-c', recipe], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { HOME: it.stage.path('home'), PATH: [...(first ? [commands[first]] : []), path.dirname(it.tool), process.env.PATH].join(':'), ...env },
  });
  ran.child.stdin.on('error', () => {});
  ran.child.stdin.end(input);
  return it.ended(ran);
}

// A folder with a token in this file; `kept()` is what must not change: here it is as it was before.
function holding(file, text) {
  const folder = it.folder();
  const at = path.join(folder, file);
  it.stage.write(path.relative(it.stage.dir, at), text, 0o640);
  const kept = () => [fs.readFileSync(at, 'utf8'), fs.statSync(at).mode, fs.statSync(at).ino];
  return { folder, at, kept, before: kept() };
}

function assertFailed({ code: status, out, err }, stored, says) {
  assert.notEqual(status, 0, `${says}: status 0\n${out}${err}`);
  assert.deepEqual(stored.kept(), stored.before, `${says}: the stored token is as it was`);
}

// Runs a recipe that keeps a token in `file` through each failure; `recipe(origin)` is it for a server.
function survives(recipe, file, text, answers = (bytes) => bytes) {
  for (const shell of shells) {
    for (const jq of Object.keys(jqs)) {
      test(`a failure leaves the token: ${shell}, ${jq}`, async () => {
        await Promise.all([...Object.entries(failures), ['no server']].map(async ([name, bytes]) => {
          const origin = bytes === undefined ? it.nowhere : await it.scripted(answers(bytes));
          const stored = holding(file, text);
          assertFailed(await run(shell, recipe(origin), { ...stored, first: jq }), stored, name);
        }));
      });
    }
  }
}

// Runs it where nothing can be written any more, with a server that gives a token.
const mayMount = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0;
function survivesFullDisk(recipe, file, text, answers = answer(200, json)) {
  for (const shell of shells) {
    test(`a full disk leaves the token: ${shell}`, { skip: !mayMount && 'nothing may be mounted here' }, async () => {
      const origin = await it.scripted(answers);
      const inside = `mount -t tmpfs -o size=8k,mode=777 tmpfs . && cd "$PWD" && printf %s "$1" >${file} && chmod 666 ${file}
        cat /dev/zero >filler 2>/dev/null
        setpriv --reuid=www-data --regid=www-data --clear-groups ${shell} -c "$2" >&2
        echo "status $?"
        cat ${file}`;
      const ran = it.stage.spawn('full disk', 'unshare', ['--mount', 'sh', '-c', inside, 'sh', text, recipe(origin)],
        { cwd: it.folder(), uid: 0, gid: 0, env: { PATH: `${path.dirname(it.tool)}:${process.env.PATH}` } });
      const { out, err } = await it.ended(ran);
      const [, status, left] = /^status (\d+)\n([^]*)$/.exec(out) ?? assert.fail(err);
      assert.match(err, /No space left|I\/O error/);
      assert.notEqual(status, '0', err);
      assert.equal(left, text);
    });
  }
}

// Runs a recipe that shows what the server says, and has no file of its own, through each failure that curl notices.
function reports(recipe, options = {}) {
  for (const shell of shells) {
    test(`a failure is one: ${shell}`, async () => {
      await Promise.all([...Object.entries(refusals), ['no server']].map(async ([name, bytes]) => {
        const stored = holding('token', `${older}\n`);
        const ended = await run(shell, recipe(bytes === undefined ? it.nowhere : await it.scripted(bytes)), { ...stored, ...options });
        assertFailed(ended, stored, name);
        if (options.body && /^a \d+$/.test(name)) assert.ok(ended.out.includes('"detail"'), `${name}: what the server says of it is shown`);
      }));
    });
  }
}

const seen = () => fs.readFileSync(it.stage.path('seen'), 'utf8');

// ---- the page

describe('the page: with curl and jq alone', () => {
  const text = shown('page', /threads\.token/);
  const recipe = (origin) => text.replaceAll(site, origin);
  survives(recipe, 'threads.token', `${older}\n`);
  survivesFullDisk(recipe, 'threads.token', `${older}\n`);

  for (const shell of shells) {
    test(`refreshes a real token, and keeps the mode: ${shell}`, async () => {
      const token = it.stored(await it.loggedIn()).access_token;
      await it.pass('1d');
      const { folder, at } = holding('threads.token', `${token}\n`);
      const { code: status, out, err } = await run(shell, recipe(it.server), { folder, first: 'watched' });
      assert.deepEqual([status, out, err], [0, '', '']);
      const fresh = fs.readFileSync(at, 'utf8').trimEnd();
      assert.notEqual(fresh, token);
      assert.ok((await it.inspect(fresh)).is_valid);
      assert.equal(fs.statSync(at).mode & 0o777, 0o640);
      assert.deepEqual(fs.readdirSync(folder), ['threads.token']);
      assert.match(seen(), /curl /);
      for (const secret of [token, fresh]) assert.ok(!seen().includes(secret));
    });
  }
});

// A token is pasted into these: in a terminal, where it must not be seen.
for (const [name, pattern, secret, body] of [
  ['a token', /debug-token/, older, '{"data":{}}'],
  ['a code', /\/access-token/, code, json],
]) {
  describe(`the page: the same with curl, for ${name}`, () => {
    const text = shown('page', pattern);
    const recipe = (origin) => text.replaceAll(site, origin);
    reports(recipe, { input: `${secret}\n`, body: true });

    for (const shell of ['dash -i', 'bash --norc -i']) {
      const terminal = (first) => it.stage.spawn('terminal', 'script', ['-qec', shell, '/dev/null'], {
        stdio: ['pipe', 'pipe', 'pipe'], env: { HOME: it.stage.path('home'), TERM: 'dumb', PS1: '$ ', PATH: `${commands[first]}:${process.env.PATH}` } });

      test(`is pasted whole, asks, and hides what it is given: ${shell}`, async () => {
        let asked;
        const origin = await it.scripted((request) => { asked = request; return answer(200, body); });
        const typed = terminal('watched');
        typed.child.stdin.write(`${recipe(origin)}\n`);
        await typed.said(/Paste the \w+, then press Enter\.\r\n/);
        typed.child.stdin.write(`${secret}\n`);
        await typed.said(new RegExp(body.replace(/[{}]/g, '\\$&')));
        typed.child.stdin.write('echo "status=$?"; stty -a; exit\n');
        await typed.exited;
        assert.match(typed.out, /status=0/);
        assert.match(typed.out, /[^-]echo\b/, 'what is typed is seen again');
        assert.ok(asked.headers.authorization === `Bearer ${secret}` || JSON.parse(asked.body).code === secret);
        assert.ok(!typed.out.includes(secret));
        assert.ok(!seen().includes(secret));
        typed.out = '';  // the answer is no log
      });

      test(`Ctrl-C gives the terminal back: ${shell}`, async () => {
        const typed = terminal('announced');
        typed.child.stdin.write(`${recipe(it.nowhere)}\n`);
        await typed.said(/sed begins\r\n/);
        typed.child.stdin.write('\x03');
        await typed.said(/\n\$ $/);
        typed.child.stdin.write('echo "status=$?"; stty -a; exit\n');
        await typed.exited;
        assert.match(typed.out, /status=130/);
        assert.match(typed.out, /[^-]echo\b/);
      });
    }
  });
}

// ---- the READMEs

describe('the READMEs: a login from a script', () => {
  const text = shown('README', /decision=allow/);
  const recipe = (origin) => text.replaceAll('http://localhost:8080', origin);

  // A server for all three requests; `failing` is answered otherwise.
  const server = (failing, bytes) => ({ method, path: asked, headers, body }) => {
    if (asked === failing) return bytes;
    const origin = `http://${headers.host}`;
    const answers = {
      '/config': answer(200, `{"app_id":"1","auth_url":"${origin}/oauth/authorize","scope":"threads_basic","sandbox":true}`),
      '/oauth/authorize': `HTTP/1.1 302 Found\r\nLocation: ${origin}/auth/callback?code=${code}#_\r\nContent-Length: 0\r\n\r\n`,
      '/access-token': method === 'POST' && body.includes(code) ? answer(200, json) : answer(422, '{"detail":[]}'),
    };
    return answers[asked] ?? answer(404, '{}');
  };
  for (const step of ['/config', '/oauth/authorize', '/access-token']) {
    describe(`${step} fails`, () => survives(recipe, 'token', `${older}\n`, (bytes) => server(step, bytes)));
  }
  survivesFullDisk(recipe, 'token', `${older}\n`, server());

  for (const shell of shells) {
    test(`stores a token that its owner alone can read, and shows it to nobody: ${shell}`, async () => {
      const folder = it.folder();
      const { code: status, out, err } = await run(shell, recipe(it.server), { folder, first: 'watched' });
      assert.equal(status, 0, err);
      const token = fs.readFileSync(path.join(folder, 'token'), 'utf8').trimEnd();
      assert.ok((await it.inspect(token)).is_valid);
      assert.equal(fs.statSync(path.join(folder, 'token')).mode & 0o777, 0o600);
      assert.deepEqual(fs.readdirSync(folder), ['token']);
      assert.deepEqual([out, err], ['', '']);
      assert.ok(!seen().includes(token));
    });
  }
});

describe('the READMEs: with a token', () => {
  const text = shown('README', /debug-token/);
  const [, preamble, lines] = /^([^]*?)((?:^ask .*\n)+)$/m.exec(text) ?? [];
  const recipe = (origin) => `${preamble}${lines.split('\n')[0]}`.replaceAll('http://localhost:8080', origin);
  reports(recipe, { body: true });

  for (const shell of shells) {
    test(`all but the last one answer: ${shell}`, async () => {
      const file = await it.loggedIn();
      const { folder, kept, before: was } = holding('token', `${it.stored(file).access_token}\n`);
      const { code: status, out } = await run(shell, text.replaceAll('http://localhost:8080', it.server), { folder, first: 'watched' });
      const [me, inspected, long, refresh] = out.trimEnd().split('\n').map((line) => JSON.parse(line));
      assert.equal(me.username, 'sandbox.user');
      assert.equal(inspected.data.is_valid, true);
      assert.ok(long.detail && refresh.detail, 'this one is long-lived and young');
      assert.equal(status, 22);
      assert.deepEqual(kept(), was);
      assert.ok(!seen().includes(it.stored(file).access_token));
    });
  }
});

describe('the READMEs: the sandbox and the counts', () => {
  const steps = shown('README', /sandbox\/clock/).trimEnd().split('\n');
  const step = (index) => (origin) => `${steps[0]}\n${steps[index]}`.replaceAll('http://localhost:8081', origin);
  const metrics = shown('README', /\/metrics/);
  for (const recipe of [step(1), step(2), (origin) => metrics.replaceAll('http://localhost:8080', origin)]) {
    describe(recipe(''), () => reports(recipe));
  }

  for (const shell of shells) {
    test(`they work: ${shell}`, async () => {
      for (const recipe of [step(1), step(2)]) assert.equal((await run(shell, recipe(`http://127.0.0.1:${it.sandboxPort}`))).code, 0);
      await it.sandbox('mode', 'mode=normal');
      await it.sandbox('clock', 'pass=none');
      const counts = await run(shell, metrics.replaceAll('http://localhost:8080', it.server));
      assert.equal(counts.code, 0);
      assert.match(counts.out, /^threads_oauth_\w+.* \d/m);
    });
  }
});

describe('the READMEs: is the program reached', () => {
  const text = shown('README', /\/healthz/);
  const recipe = (origin) => text.replaceAll('http://127.0.0.1', origin).replace('YOUR.HOST', 'localhost');
  for (const shell of shells) {
    test(shell, async () => {
      const { code: status, out } = await run(shell, recipe(it.server.replace('localhost', '127.0.0.1')));
      assert.deepEqual([status, out], [0, '{"status":"ok"}']);
      assert.notEqual((await run(shell, recipe(it.nowhere))).code, 0);
    });
  }
});

// ---- threads-token

for (const [place, server] of [['page', site], ['README', 'https://YOUR.HOST'], ['manual', 'https://login.example.com']]) {
  describe(`the ${place}: a token for a bot`, () => {
    const text = shown(place, /threads-token .*login\b/);
    const recipe = (origin) => text.replaceAll(server, origin);
    const writing = text.includes('bot.env') ? text.slice(text.indexOf('(umask')) : undefined;
    // A home with a token in it, beside an older bot.env.
    const home = (token) => {
      const beside = holding('bot.env', `THREADS_ACCESS_TOKEN=${older}\n`);
      const file = path.join(beside.folder, '.config/threads-token/token.json');
      it.stage.write(path.relative(it.stage.dir, file), JSON.stringify(token));
      it.stage.folder(path.relative(it.stage.dir, path.dirname(file)));
      return { ...beside, file, env: { HOME: beside.folder } };
    };

    for (const shell of shells) {
      test(`logs in, shows, and writes the environment for its owner alone: ${shell}`, async () => {
        const { folder, file, env } = home({});
        fs.rmSync(path.join(folder, 'bot.env'));
        const ran = it.stage.spawn('recipe', shell, ['-c', recipe(it.server)], {
          cwd: folder, stdio: ['pipe', 'pipe', 'pipe'], env: { ...env, PATH: `${path.dirname(it.tool)}:${process.env.PATH}` } });
        const [address] = await ran.said(/http\S+\/oauth\/authorize\S+/);
        ran.child.stdin.end(`${await it.decide(address)}\n`);
        const { code: status, out, err } = await it.ended(ran);
        assert.deepEqual([status, err], [0, '']);
        assert.match(out, /^expires /m);
        const written = path.join(folder, 'bot.env');
        assert.equal(fs.existsSync(written), Boolean(writing));
        if (!writing) return;
        assert.ok(fs.readFileSync(written, 'utf8').includes(it.stored(file).access_token));
        assert.equal(fs.statSync(written).mode & 0o777, 0o600);
      });

      test(`a failure leaves what was there: ${shell}`, async () => {
        for (const origin of [it.nowhere, await it.scripted(refusals['a 502'])]) {
          const stored = home({ access_token: older, issued: 1, expires: 2 });
          const token = fs.readFileSync(stored.file, 'utf8');
          assertFailed(await run(shell, recipe(origin), stored), stored, origin);
          assert.equal(fs.readFileSync(stored.file, 'utf8'), token);
        }
        if (!writing) return;
        const dead = home({ access_token: older, issued: 1, expires: 2 });
        assertFailed(await run(shell, writing, dead), dead, 'a dead token');
        const full = home({ access_token: newer, issued: 1, expires: 9_999_999_999 });
        fs.symlinkSync('/dev/full', path.join(full.folder, 'bot.env.new'));
        assertFailed(await run(shell, writing, full), full, 'a full disk');
      });
    }
  });
}

describe('cron', () => {
  const [first, ...others] = ['page', 'README', 'manual'].map((place) => shown(place, /^\d+ \d+ \* \* \*/).replace(/^\d+ \d+ \* \* \* +/, ''));

  test('is told the same everywhere', () => { for (const other of others) assert.equal(other, first); });

  // Debian's cron runs it with this PATH; `make install` and the package put the tool into different folders.
  for (const [name, PATH, recipe] of [
    ['the package', () => `${path.dirname(it.tool)}:/usr/bin:/bin`, () => first],
    ['make install', () => '/usr/bin:/bin', () => first.replaceAll('/usr/local/bin', path.dirname(it.tool))],
  ]) {
    test(`finds the tool of ${name}, and is silent unless something is wrong`, async () => {
      const folder = it.folder();
      const file = path.join(folder, '.config/threads-token/token.json');
      const token = (age) => JSON.stringify({ access_token: older, issued: it.now - age * day, expires: it.now + (60 - age) * day, server: it.nowhere });
      const daily = () => run('/bin/sh', recipe(), { folder, env: { HOME: folder, PATH: PATH(), THREADS_TOKEN_NOW: String(it.now) } });
      it.stage.write(path.relative(it.stage.dir, file), token(3));
      it.stage.folder(path.relative(it.stage.dir, path.dirname(file)));
      assert.deepEqual(await daily(), { code: 0, out: '', err: '' });
      fs.writeFileSync(file, token(31));
      const { code: status, out, err } = await daily();
      assert.deepEqual([status, out], [75, ''], err);
      assert.match(err, /did not answer.*is as it was/);
    });
  }
});

describe('systemd', () => {
  for (const place of ['page', 'README']) {
    const text = shown(place, /systemctl --user .*threads-token\.timer/);

    test(`the ${place}: each step only after the one before it`, async () => {
      for (const shell of shells) {
        const { code: status, out } = await run(shell, text, { first: 'quiet', env: { USER: 'jo' } });
        assert.equal(status, 0);
        assert.deepEqual(out.trimEnd().split('\n').slice(-2), ['systemctl --user enable --now threads-token.timer', 'sudo loginctl enable-linger jo']);
        const failed = await run(shell, text, { first: 'quiet', env: { USER: 'jo', FAILS: '1' } });
        assert.notEqual(failed.code, 0);
        assert.doesNotMatch(failed.out, /sudo/);
      }
    });
  }

  test('the timer can be enabled', () => {
    const units = it.stage.folder('systemd/usr/lib/systemd/user');
    for (const name of ['service', 'timer']) fs.copyFileSync(path.join(root, `deploy/threads-token.${name}`), path.join(units, `threads-token.${name}`));
    execFileSync('systemctl', [`--root=${it.stage.path('systemd')}`, '--global', 'enable', 'threads-token.timer'], { stdio: 'pipe' });
    assert.ok(fs.lstatSync(it.stage.path('systemd/etc/systemd/user/timers.target.wants/threads-token.timer')).isSymbolicLink());
  });
});

test('every recipe that is shown has its test', () => assert.deepEqual(untested, []));
