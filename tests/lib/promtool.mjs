// Prometheus' own checker of what /metrics gives. Debian has it only together with the server, which
// nobody wants to run here: its package is unpacked below build/.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { build } from './stage.mjs';

function find() {
  if (spawnSync('promtool', ['--version']).status === 0) return 'promtool';
  const folder = path.join(build, 'prometheus');
  const promtool = path.join(folder, 'usr/bin/promtool');
  if (fs.existsSync(promtool)) return promtool;
  const fresh = fs.mkdtempSync(path.join(build, 'prometheus-'));
  fs.chmodSync(fresh, 0o777);  // apt-get fetches as a user of its own
  execFileSync('apt-get', ['-qq', 'download', 'prometheus'], { cwd: fresh, stdio: ['ignore', 'ignore', 'pipe'] });
  const [deb] = fs.readdirSync(fresh);
  const tar = execFileSync('dpkg-deb', ['--fsys-tarfile', deb], { cwd: fresh, maxBuffer: 2 ** 30 });
  execFileSync('tar', ['-x', './usr/bin/promtool'], { cwd: fresh, input: tar });
  fs.rmSync(path.join(fresh, deb));
  fs.rmSync(folder, { recursive: true, force: true });
  fs.renameSync(fresh, folder);
  return promtool;
}

// What it has to say of the text: nothing, if all is well.
export function complaints(text) {
  const { stdout, stderr, error } = spawnSync(find(), ['check', 'metrics'], { input: text, encoding: 'utf8' });
  if (error) throw error;
  return stdout + stderr;
}
