// What editors are told: how each file is compiled, and what the files look like.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { root } from '../lib/stage.mjs';

const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const run = (command, args, options) => spawnSync(command, args, { cwd: root, encoding: 'utf8', ...options });
const below = (...folders) => folders.flatMap((folder) => fs.readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile()).map((entry) => path.relative(root, path.join(entry.parentPath ?? entry.path, entry.name))));

describe('compile_commands.json', () => {
  let database;
  before(() => {
    const { status, stderr } = run('make', ['compile_commands.json']);
    assert.equal(status, 0, stderr);
    database = JSON.parse(source('compile_commands.json'));
  });

  test('has every file once', () => {
    const files = below('src', 'tests/unit', 'tests/fuzz').filter((name) => name.endsWith('.cc'));
    assert.deepEqual(database.map(({ file }) => file).sort(), files.sort());
  });

  test('a command compiles its file', () => {
    for (const name of ['src/shell/options.cc', 'src/threads/causes.cc']) {
      const { command, directory } = database.find(({ file }) => file === name);
      const { status, stderr } = run('/bin/sh', ['-c', `${command} -fsyntax-only`], { cwd: directory });
      assert.equal(status, 0, stderr);
    }
  });

  test('clang-tidy takes it', { skip: run('clang-tidy', ['--version']).error && 'clang-tidy is not here' }, () => {
    const { status, stdout, stderr } = run('clang-tidy', ['--quiet', '-p', '.', '--checks=-*,bugprone-infinite-loop', 'src/core/text.cc']);
    assert.equal(status, 0, stdout + stderr);
  });
});

describe('.editorconfig', () => {
  const texts = ['Makefile', 'README.md', 'README.zh-TW.md', 'nginx.conf.example',
    ...below('src', 'www', 'deploy', 'tests').filter((name) => !/corpus|\.png$/.test(name))];

  test('its line length is .clang-format\'s', () => {
    assert.equal(/\[\*\.\{cc,h\}\]\nmax_line_length = (\d+)/.exec(source('.editorconfig'))[1], /^ColumnLimit: (\d+)/m.exec(source('.clang-format'))[1]);
  });

  test('tabs are where it says', () => {
    const [, named] = /^\[\{(.*)\}\]\nindent_style = tab/m.exec(source('.editorconfig'));
    assert.deepEqual(texts.filter((name) => /^\t/m.test(source(name))).map((name) => path.basename(name)).sort(), named.split(',').sort());
  });

  test('no blank ends a line, a newline ends each file', () => {
    assert.deepEqual(texts.filter((name) => /[ \t\r]$/m.test(source(name)) || !source(name).endsWith('\n')), []);
  });
});

test('.vscode/settings.json points at what the Makefile writes', () => {
  const settings = JSON.parse(source('.vscode/settings.json'));
  assert.equal(settings['[cpp]']['editor.formatOnSave'], true);
  assert.equal(settings['C_Cpp.default.compileCommands'], '${workspaceFolder}/compile_commands.json');
});
