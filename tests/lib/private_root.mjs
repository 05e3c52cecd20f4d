// A shell as root in a private copy of this machine (tests/package/private-root): whatever its commands change or start is
// gone when it ends.
import { spawn, spawnSync } from 'node:child_process';
import path from 'node:path';
import { root } from './stage.mjs';

export class PrivateRoot {
  constructor(given, work) {
    this.work = work;
    // In a chroot nobody can say that mounts are to stay private: there the one that may get out is unmounted at the end.
    const isRoot = spawnSync('unshare', ['--mount', '--propagation', 'private', 'true']).status === 0;
    const args = ['--mount', '--pid', '--fork', '--kill-child', '--propagation', isRoot ? 'private' : 'unchanged', path.join(root, 'tests/package/private-root'), given, work];
    this.child = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env.PATH } });
    this.text = '';
    this.child.stdin.on('error', () => {});
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (data) => { this.text += data; this.child.emit('said'); });
    this.exited = new Promise((resolve) => { this.child.once('close', (status) => { this.over = true; this.child.emit('said'); resolve(status); }); });
  }

  // {status, text} of a command; null when there is no such root.
  async run(command) {
    this.text = '';
    this.child.stdin.write(`( ${command}\n) </dev/null 2>&1; echo "@@ $?"\n`);
    for (;;) {
      const match = /^([^]*?)@@ (\d+)\n/.exec(this.text);
      if (match) return { text: match[1], status: Number(match[2]) };
      if (this.over) return null;
      await new Promise((resolve) => { this.child.once('said', resolve); });
    }
  }

  async end() {
    this.child.stdin.end();
    this.child.kill('SIGKILL');
    await this.exited;
    spawnSync('umount', ['-l', this.work]);
  }
}
