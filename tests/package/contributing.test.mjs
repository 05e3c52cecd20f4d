// CONTRIBUTING.md stays true: what it names is there, and the include graph that it draws is the real one.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { root } from '../lib/stage.mjs';

const source = (name) => fs.readFileSync(path.join(root, name), 'utf8');
const text = source('CONTRIBUTING.md');
const files = (folder) => fs.readdirSync(path.join(root, folder)).map((name) => `${folder}/${name}`).filter((name) => /\.(cc|h)$/.test(name));
const all = (where, pattern) => [...new Set([...where.matchAll(pattern)].map(([, found]) => found))];

describe('CONTRIBUTING.md', () => {
  test('every file that it names is there', () => {
    const named = all(text, /(?<!\w|\w\/)((?:src|tests|deploy)\/[\w./-]*\w|[\w.]+\.example|[A-Z]+\.md)/g);
    assert.ok(named.length > 20, `${named}`);
    for (const name of named) assert.ok(fs.existsSync(path.join(root, name)), name);
  });

  test('every make target that it names is one', () => {
    const targets = all(source('Makefile'), /^([\w.-]+):/gm);
    for (const name of all(text, /`make ([\w.-]+)/g)) assert.ok(targets.includes(name), name);
  });

  test('every test that it names is one', () => {
    const cases = files('tests/unit').map(source).join('');
    for (const name of all(text, /-tc="([^"]*)"/g)) assert.ok(cases.includes(`TEST_CASE("${name}")`), name);
    for (const name of all(text, /--test-name-pattern='\^(.*?)\$'/g)) assert.ok(source('tests/lib/contract_table.mjs').includes(`{ name: '${name}',`), name);
  });

  test('the code that it shows is the code', () => {
    const flat = (code) => code.replace(/\s+/g, ' ');
    for (const [block, file] of [
      ['Endpoint{"GET", "/debug-token", nullptr, {"inspect", "/v1.0/debug_token", "input_token={token}&access_token={token}"}},', 'src/threads/endpoints.cc'],
      ["{ name: 'me', ask: me, threads: { body: profile }, expect: { status: 200, text: profile }, sent: ", 'tests/lib/contract_table.mjs'],
    ]) {
      assert.ok(flat(text).includes(block), block);
      assert.ok(flat(source(file)).includes(block), `${file} has no ${block}`);
    }
  });

  // A line of the drawing: who, an arrow, whom; then words after three blanks.
  test('the include graph is the real one', () => {
    const drawn = [...text.matchAll(/^ {4}(src\/\S+) +──►((?: {1,3}src\/\S+)*)/gm)];
    assert.deepEqual(drawn.map(([, who]) => who).sort(), ['src/core', 'src/main.cc', 'src/sandbox', 'src/sandbox/main.cc', 'src/shell', 'src/threads']);
    for (const [, who, whom] of drawn) {
      const members = who.endsWith('.cc') ? [who] : files(who).filter((name) => !name.endsWith('/main.cc'));
      const allowed = whom.trim().split(/ +/).filter(Boolean);
      const included = all(members.map(source).join('\n'), /^#include "(\w+\/\w+\.h)"$/gm).map((name) => `src/${name}`)
        .filter((name) => !name.startsWith(`${who}/`));
      const covers = (place) => included.some((name) => name === place || path.dirname(name) === place);
      for (const place of allowed) assert.ok(covers(place), `${who} does not include ${place}`);
      for (const name of included) assert.ok(allowed.includes(name) || allowed.includes(path.dirname(name)), `${who} includes ${name}`);
    }
  });
});
