// README.md and README.zh-TW.md say the same, each in its language: the same sections, code, tables and names in the
// same order; every link leads somewhere, and nothing was left in English.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

const names = ['README.md', 'README.zh-TW.md'];
const place = (name) => new URL(`../../${name}`, import.meta.url);
const [english, chinese] = names.map((name) => blocksOf(readFileSync(place(name), 'utf8')));
const han = /\p{Script=Han}/u;

// {kind, text, line} of each block: '##' and the like, 'code' (fenced, or indented after an empty line), 'table', 'item', 'text'.
function blocksOf(source) {
  const blocks = [];
  let open;
  let fence;
  source.split('\n').forEach((line, index) => {
    const begin = (kind) => { open = { kind, text: line, line: index + 1 }; blocks.push(open); };
    const go = (kind) => { if (open?.kind === kind) open.text += `\n${line}`; else begin(kind); };
    if (fence) {
      open.text += `\n${line}`;
      if (line.trim() === fence) fence = open = undefined;
    } else if (/^ *```/.test(line)) {
      begin('code');
      fence = '```';
    } else if (!line.trim()) open = undefined;
    else if (/^ {4}/.test(line) && (!open || open.kind === 'code')) go('code');
    else if (/^#+ /.test(line)) { begin(/^#+/.exec(line)[0]); open = undefined; }
    else if (/^ *\|/.test(line)) go('table');
    else if (/^ *(\d+\.|-) /.test(line)) begin('item');
    else if (open?.kind === 'item') go('item');
    else go('text');
  });
  return blocks;
}

const of = (blocks, kind) => blocks.filter((block) => block.kind === kind);
const headings = (blocks) => blocks.filter(({ kind }) => kind.startsWith('#'));
const bare = (text) => text.replace(/`[^`]*`/g, '``');
const rows = (table) => table.text.split('\n').map((row) => row.trim().slice(1, -1).split('|').map((cell) => cell.trim()));
const spans = (text) => text.match(/`[^`]*`/g) ?? [];
const targets = (text) => [...bare(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target);

// What GitHub calls the headings in an address.
function anchors(blocks) {
  const seen = new Map();
  return headings(blocks).map(({ text }) => {
    const slug = text.replace(/^#+ /, '').replace(/\]\([^)]*\)/g, '').trim().toLowerCase()
      .replace(/[^\p{L}\p{M}\p{Nd}\p{Pc} -]/gu, '').replaceAll(' ', '-');
    const count = seen.get(slug) ?? 0;
    seen.set(slug, count + 1);
    return count ? `${slug}-${count}` : slug;
  });
}

// Per section the set of what has to stay as it is: names in backquotes, links (an anchor by the number of its section).
function kept(blocks) {
  const sections = [];
  for (const { kind, text } of blocks) {
    if (kind.startsWith('#')) sections.push(new Set());
    if (kind === 'code') continue;
    const links = targets(text).filter((target) => !names.includes(target))
      .map((target) => (target.startsWith('#') ? `section ${anchors(blocks).indexOf(decodeURIComponent(target.slice(1)))}` : target));
    for (const found of [...spans(text), ...links]) sections.at(-1).add(found);
  }
  return sections.map((section) => [...section].sort());
}

describe('the READMEs', () => {
  test('the blocks of code are the same', () => {
    assert.ok(of(english, 'code').length > 10);
    assert.deepEqual(of(chinese, 'code').map(({ text }) => text), of(english, 'code').map(({ text }) => text));
  });

  test('so are the sections, and what each is made of', () => {
    const shape = (blocks) => blocks.map(({ kind }) => kind);
    assert.deepEqual(headings(chinese).map(({ kind }) => kind), headings(english).map(({ kind }) => kind));
    assert.deepEqual(shape(chinese), shape(english));
  });

  // Without backquotes and figures nothing is left of a cell that is no prose.
  test('so are the tables, but for their prose', () => {
    const [ours, theirs] = [english, chinese].map((blocks) => of(blocks, 'table').map(rows));
    assert.equal(theirs.length, ours.length);
    ours.forEach((table, index) => {
      assert.equal(theirs[index].length, table.length, `rows of the table ${table[0]}`);
      table.forEach((row, at) => {
        const twin = theirs[index][at];
        assert.equal(twin.length, row.length, `cells of ${row}`);
        assert.deepEqual(spans(twin[0]), spans(row[0]));
        row.forEach((cell, column) => { if (!/\p{L}/u.test(bare(cell))) assert.equal(twin[column], cell, `in ${row}`); });
      });
    });
  });

  test('so are names and links', () => assert.deepEqual(kept(chinese), kept(english)));

  for (const [name, blocks] of [[names[0], english], [names[1], chinese]]) {
    test(`every link of ${name} leads somewhere`, () => {
      const found = blocks.filter(({ kind }) => kind !== 'code').flatMap(({ text }) => targets(text));
      assert.ok(found.includes(names.find((other) => other !== name)), 'the other language');
      assert.ok(found.some((target) => target.startsWith('#')));
      for (const target of found.filter((it) => !it.startsWith('https://'))) {
        const [file, anchor] = decodeURIComponent(target).split('#');
        assert.ok(existsSync(place(file || name)), target);
        if (anchor !== undefined) assert.ok(anchors(blocksOf(readFileSync(place(file || name), 'utf8'))).includes(anchor), target);
      }
    });
  }

  // Names of programs and menus may stand in a row; a sentence is longer.
  test('nothing was left in English', () => {
    for (const { kind, text } of headings(chinese)) if (kind !== '#') assert.match(text, han);
    for (const { kind, text, line } of chinese.filter((block) => block.kind !== 'code')) {
      for (const part of kind === 'table' ? text.split(/[|\n]/) : [text]) {
        for (const piece of bare(part).replace(/\]\([^)]*\)/g, ']').split(han)) {
          assert.ok((piece.match(/[a-z]/gi) ?? []).length <= 40, `${names[1]}:${line}: ${piece}`);
        }
      }
    }
    for (const { text } of english) assert.doesNotMatch(text.replace('[繁體中文]', ''), han);
  });

  test('no Chinese sentence is broken over lines, where a blank would show', () => {
    for (const { kind, text, line } of chinese) if (/text|item/.test(kind)) assert.doesNotMatch(text, /\n/, `${names[1]}:${line}`);
  });

  // Between a letter and a bracket Markdown takes an asterisk for an asterisk.
  test('no emphasis is lost beside a bracket', () => {
    for (const { text, line } of chinese.filter(({ kind }) => kind !== 'code')) {
      for (const [, before, , inner, after] of bare(text).matchAll(/(.?)(\*+)([^*]+)\2(?=(.?))/gu)) {
        assert.doesNotMatch(before + inner.at(0), /\p{L}\p{P}/u, `${names[1]}:${line}`);
        assert.doesNotMatch(inner.at(-1) + after, /\p{P}\p{L}/u, `${names[1]}:${line}`);
      }
    }
  });
});
