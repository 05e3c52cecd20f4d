// What is said in more than one place is the same everywhere: the options in --help and threads-oauth(8), the
// variables and their defaults in --check, threads-oauth.env(5), the README and .env.example.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { root } from '../lib/stage.mjs';

const program = path.resolve(root, process.env.THREADS_BUILD ?? 'build', 'threads-oauth.fcgi');
const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const help = execFileSync(program, ['--help'], { encoding: 'utf8' });
const manual = source('deploy/man/threads-oauth.8');
const all = (text, pattern) => [...new Set([...text.matchAll(pattern)].map(([, found]) => found))].sort();

// name -> default, as each place says it. What the program takes for granted without a word is empty.
const variables = {
  README: (section) => new Map([...section.matchAll(/^\| `([A-Z_]+)` \| `?([^|`]*)`? \|/gm)].map(([, name, value]) => [name, value.trim()])),
  manual: (text) => new Map([...text.matchAll(/^\.It Ev ([A-Z_]+)\n[^]*?^Default:\n?(?:\.(?:Lk|Ql|Ev) )?(.*)$/gm)].map(([, name, value]) => [name, value.trim().replace(/ ?\.$/, '')])),
  // "Default: X." in the comment above, else what the commented line says; a line that is not commented is required.
  example: (text) => new Map([...text.matchAll(/((?:^# .*\n)*)^(#?)([A-Z_]+)=(.*)$/gm)].map(([, comment, off, name, value]) => [
    name, off === '' ? 'required' : /Default: (.*?)\.(?: |\n|$)/.exec(comment)?.[1] ?? value])),
};
const documented = {
  'the README': variables.README(/^## Configuration$[^]*?^(?=## )/m.exec(source('README.md'))[0]),
  'threads-oauth.env(5)': variables.manual(source('deploy/man/threads-oauth.env.5')),
  '.env.example': variables.example(source('.env.example')),
};

function effective() {
  const env = { THREADS_APP_ID: '1', THREADS_APP_SECRET: 'x' };
  const text = execFileSync(program, ['--check'], { encoding: 'utf8', env, cwd: '/' });
  return new Map([...text.matchAll(/^((?:THREADS|META)_[A-Z_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]));
}

describe('the manual', () => {
  for (const page of ['threads-oauth.8', 'threads-oauth.env.5']) {
    test(`${page} is clean`, () => {
      const { stdout, stderr } = spawnSync('mandoc', ['-T', 'lint', '-O', 'man=%N', page], { cwd: path.join(root, 'deploy/man'), encoding: 'utf8' });
      // Whether the manuals that it refers to are installed is up to the machine.
      const found = `${stdout}${stderr}`.split('\n').filter((line) => line && !/referenced manual not found|mandoc\.db|outdated/.test(line));
      assert.deepEqual(found, []);
    });
  }

  test('options', () => {
    const options = all(help, /^ +(--[a-z-]+)/gm);
    assert.ok(options.length >= 8);
    assert.deepEqual(all(manual, /^\.It Fl (-[a-z-]+)/gm).map((name) => `-${name}`), options);
    const synopsis = /^\.Sh SYNOPSIS$[^]*?^\.Sh/m.exec(manual)[0];
    assert.deepEqual(all(synopsis, /(?:Fl|\|) (-[a-z-]+)/g).map((name) => `-${name}`), options, 'the synopsis');
  });

  test('defaults of options', () => {
    for (const [, name, value] of help.matchAll(/^ +(--[a-z-]+)[^]*?(?:(\d+) if not given|(?=^ +--|^$))/gm)) {
      if (value) assert.match(new RegExp(`^\\.It Fl ${name.slice(1)} [^]*?(?=^\\.(?:It|El))`, 'm').exec(manual)[0], new RegExp(`default is ${value}\\b`), name);
    }
  });

  test('exit statuses and signals', () => {
    const [, statuses] = /^Exit status: (.*)$/m.exec(help);
    assert.deepEqual(all(/^\.Sh EXIT STATUS$[^]*?^\.Sh/m.exec(manual)[0], /^\.It (\d+)$/gm), all(statuses, /(\d+)/g));
    for (const signal of all(help, /(SIG[A-Z]+)/g)) assert.match(manual, new RegExp(`^\\.It Dv .*${signal}`, 'm'));
  });
});

describe('variables', () => {
  const names = [...effective().keys()].sort();
  for (const [place, found] of Object.entries(documented)) {
    test(`${place} names all of them`, () => assert.deepEqual([...found.keys()].sort(), names));

    test(`${place} has the program's defaults`, () => {
      const real = effective();
      for (const [name, said] of found) {
        if (['THREADS_APP_ID', 'THREADS_APP_SECRET'].includes(name)) assert.equal(said, 'required', name);
        else if (name === 'THREADS_CLIENT_SECRET') assert.equal(said, 'THREADS_APP_SECRET');
        else if (real.get(name)) assert.equal(said, real.get(name), name);
        else assert.match(said, /^(any|none|the system's)$/, name);
      }
    });
  }
});
