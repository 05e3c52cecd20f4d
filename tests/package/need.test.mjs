// deploy/need while it installs: Debian's packages may start no daemon then, and may again afterwards, also when it was
// killed or when two of them ran at once. In a private copy of this machine, with an apt-get that only waits.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { PrivateRoot } from '../lib/private_root.mjs';
import { root } from '../lib/stage.mjs';

const policy = '/usr/sbin/policy-rc.d';
const skip = process.getuid() === 0 ? false : 'it takes root to have a private copy of the machine';

// What stands in for apt-get says that it has begun, and ends when it is told to. The run is named by $WHO.
const aptGet = `#!/bin/sh
case " $* " in *" install "*) ;; *) exit 0 ;; esac
echo begun >/run/begun.$WHO
read -r _ </run/go.$WHO
`;

describe('while deploy/need installs', { skip }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'threads-oauth-need-'));
  let it;
  before(async () => {
    for (const name of ['given', 'root']) fs.mkdirSync(path.join(folder, name));
    const put = (name, text) => fs.writeFileSync(path.join(folder, 'given', name), text, { mode: 0o755 });
    put('need', fs.readFileSync(path.join(root, 'deploy/need')));
    put('apt-get', aptGet);
    put('apt-cache', '#!/bin/sh\n');
    put('systemctl', '#!/bin/sh\necho "systemctl $*"\n');
    put('policy-0.1.0', '#!/bin/sh\n# deploy/need: no daemon is started while packages are installed.\nexit 101\n');
    it = new PrivateRoot(path.join(folder, 'given'), path.join(folder, 'root'));
    await it.run('true');
  });
  after(async () => {
    await it.end();
    fs.rmSync(folder, { recursive: true, force: true });
  });
  const done = async (command) => {
    const answer = await it.run(command);
    assert.ok(answer, 'the private root has ended');
    assert.equal(answer.status, 0, `${command}\n${answer.text}`);
    return answer.text;
  };
  beforeEach(() => (it.over ? null : done(`rm -f ${policy} /run/*.a /run/*.b`)));

  // Starts it, without waiting for anything.
  const start = (who) => done(`mkfifo /run/begun.${who} /run/go.${who} /run/ended.${who}
    export WHO=${who} PATH=/given:$PATH
    { sh -c 'echo $$ >/run/pid.${who}; exec /given/need --install hello' >/run/log.${who} 2>&1; echo $? >/run/ended.${who}; } >/dev/null 2>&1 &`);
  const told = async (what, who) => (await done(`timeout 20 head -n 1 /run/${what}.${who}`)).trim();
  const begun = (who) => told('begun', who);
  const go = (who) => done(`echo >/run/go.${who}`);
  const ended = (who) => told('ended', who);
  // Asked as the packages ask.
  const mayStart = async () => /^systemctl .*start/m.test(await done('PATH=/given:$PATH deb-systemd-invoke start daemon.service 2>&1'));
  const policyText = async () => (await it.run(`cat ${policy} 2>/dev/null`)).text;

  const step = (name, body) => test(name, async (t) => {
    if (it.over) t.skip('this machine allows no overlay of its file system');
    else await body();
  });

  step('no daemon starts, and afterwards everything is as it was', async () => {
    assert.equal(await mayStart(), true);
    await start('a');
    await begun('a');
    assert.equal(await mayStart(), false);
    await go('a');
    assert.equal(await ended('a'), '0');
    assert.equal(await mayStart(), true);
    assert.equal(await done(`ls ${policy}* 2>/dev/null || true`), '');
  });

  step('SIGTERM: apt-get is waited for', async () => {
    await start('a');
    await begun('a');
    await done('kill -TERM $(cat /run/pid.a)');
    assert.equal(await mayStart(), false);
    await go('a');
    assert.equal(await ended('a'), '143');
    assert.equal(await policyText(), '');
  });

  step('kill -9 of it and of apt-get: daemons may start again, and nothing is left once one was', async () => {
    await start('a');
    await begun('a');
    await done('kill -9 $(cat /run/pid.a) $(pgrep -P $(cat /run/pid.a))');
    assert.equal(await ended('a'), '137');
    assert.equal(await mayStart(), true);
    assert.equal(await policyText(), '');
  });

  step('kill -9 of it alone: no daemon starts until apt-get has ended', async () => {
    await start('a');
    await begun('a');
    await done('pgrep -P $(cat /run/pid.a) >/run/apt.a; kill -9 $(cat /run/pid.a)');
    assert.equal(await ended('a'), '137');
    assert.equal(await mayStart(), false);
    await done('echo >/run/go.a; timeout 20 tail --pid=$(cat /run/apt.a) -s 0.05 -f /dev/null');
    assert.equal(await mayStart(), true);
    assert.equal(await policyText(), '');
  });

  step('a file that version 0.1.0 left behind is taken over', async () => {
    await done(`cp -p /given/policy-0.1.0 ${policy}`);
    await start('a');
    await begun('a');
    assert.equal(await mayStart(), false);
    await go('a');
    assert.equal(await ended('a'), '0');
    assert.equal(await policyText(), '');
  });

  step('after a kill -9 the next one works', async () => {
    await start('a');
    await begun('a');
    await done('kill -9 $(cat /run/pid.a) $(pgrep -P $(cat /run/pid.a))');
    await start('b');
    await begun('b');
    assert.equal(await mayStart(), false);
    await go('b');
    assert.equal(await ended('b'), '0');
    assert.equal(await policyText(), '');
  });

  step('two at once: the second one says that it waits, and no daemon starts before both have ended', async () => {
    await start('a');
    await begun('a');
    await start('b');
    await done('timeout 20 tail -n +1 -f /run/log.b | grep -q -m 1 Waiting');
    await go('a');
    assert.equal(await ended('a'), '0');
    await begun('b');
    assert.equal(await mayStart(), false);
    await go('b');
    assert.equal(await ended('b'), '0');
    assert.equal(await policyText(), '');
  });

  for (const [name, make] of [
    ['a policy of the machine’s own stays as it is', `printf '#!/bin/sh\\nexit 0 # mine\\n' >${policy}; chmod 755 ${policy}`],
    ['so does one that is a link', `printf '#!/bin/sh\\nexit 0 # mine\\n' >/run/mine.a; chmod 755 /run/mine.a; ln -s /run/mine.a ${policy}`],
  ]) {
    step(name, async () => {
      await done(make);
      const before_ = await done(`stat -c '%F %i %a %Y' ${policy}`);
      await start('a');
      await begun('a');
      assert.match(await policyText(), /mine/);
      await go('a');
      assert.equal(await ended('a'), '0');
      assert.equal(await done(`stat -c '%F %i %a %Y' ${policy}`), before_);
    });
  }
});
