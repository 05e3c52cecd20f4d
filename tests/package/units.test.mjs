// The systemd units: systemd finds no mistake in them and likes how little the service may do.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fill } from '../lib/servers.mjs';
import { root } from '../lib/stage.mjs';

const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const mostExposure = 11;  // tenths; what is left is that it talks to a network and to a local socket

describe('systemd units', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'threads-oauth-units-'));
  const service = path.join(folder, 'threads-oauth.service');
  const socket = path.join(folder, 'threads-oauth.socket');
  before(() => {
    fs.writeFileSync(service, fill(source('deploy/systemd/threads-oauth.service'), [['/usr/local/lib/threads-oauth/threads-oauth.fcgi', '/bin/true']]));
    fs.copyFileSync(path.join(root, 'deploy/systemd/threads-oauth.socket'), socket);
  });
  after(() => fs.rmSync(folder, { recursive: true }));

  test('verify', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', service, socket], { encoding: 'utf8' });
    assert.deepEqual([status, `${stdout}${stderr}`], [0, '']);
  });

  test('security', () => {
    const { status, stdout, stderr } = spawnSync('systemd-analyze', ['security', '--no-pager', '--offline=true', `--threshold=${mostExposure}`, service], { encoding: 'utf8' });
    assert.equal(status, 0, stdout.split('\n').filter((line) => !line.includes('✓')).join('\n') + stderr);
  });

  test('the way to keep the configuration to root works as it is written in the unit', () => {
    const text = source('deploy/systemd/threads-oauth.service').replace(/^#(LoadCredential=|ExecStart=)/gm, '$1');
    fs.writeFileSync(service, fill(text, [['/usr/local/lib/threads-oauth/threads-oauth.fcgi', '/bin/true']]));
    assert.equal(execFileSync('systemd-analyze', ['verify', '--man=no', service, socket], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }), '');
    assert.match(text, /^LoadCredential=env:.*\nExecStart=\nExecStart=.* --env-file %d\/env$/m);
  });

  test('socket and service name what the web servers and the manual name', () => {
    const [, place] = /^ListenStream=(.*)$/m.exec(source('deploy/systemd/threads-oauth.socket'));
    for (const name of ['nginx.conf.example', 'deploy/apache.conf.example', 'deploy/lighttpd.conf.example', 'deploy/Caddyfile.example',
      'deploy/haproxy-single.cfg.example', 'deploy/man/threads-oauth.8']) assert.ok(source(name).includes(place), name);
  });
});
