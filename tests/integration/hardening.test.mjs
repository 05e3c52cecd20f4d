// The binaries are built with every protection that the compiler and the linker have here. What they
// are is read from the files themselves.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../lib/stage.mjs';

const readelf = (...args) => execFileSync('readelf', ['-W', ...args], { encoding: 'utf8', maxBuffer: 1 << 28 });

for (const name of ['threads-oauth.fcgi', 'threads-sandbox.fcgi']) {
  const file = path.join(root, 'build', name);
  const dynamic = readelf('-d', file);

  test(`${name} is position independent`, () => {
    assert.match(readelf('-h', file), /Type:\s+DYN/);
    assert.match(dynamic, /FLAGS_1.*PIE/);
  });

  test(`${name} has full RELRO and no executable stack`, () => {
    assert.match(readelf('-l', file), /GNU_RELRO/);
    assert.match(dynamic, /BIND_NOW|FLAGS.*NOW/);
    assert.match(readelf('-l', file), /GNU_STACK.* RW /);
  });

  test(`${name} has stack protectors`, () => {
    assert.match(readelf('--dyn-syms', file), /__stack_chk_fail/);
  });

  // The C library's start-up code in Debian has no control-flow protection, so the linker leaves the
  // file's own mark out: what the compiler was told is in the debug information.
  test(`${name} is compiled with stack-clash and control-flow protection`, () => {
    const compiled = readelf('--debug-dump=info', file);
    assert.match(compiled, /-fstack-clash-protection/);
    if (process.arch === 'x64') assert.match(compiled, /-fcf-protection=full/);
  });
}

test('calls of the C library are fortified', () => {
  const commands = execFileSync('make', ['-Bn', 'V=1', 'build/src/shell/cgi.o'], { cwd: root, encoding: 'utf8' });
  assert.match(commands, /-D_FORTIFY_SOURCE=2/);
  assert.match(commands, / -O2 /);
});
