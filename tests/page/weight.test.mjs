// The page loads in a moment: all of it, as a server that compresses sends it, is under 50 KB.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { read } from './load.mjs';

const docs = ['docs.html', 'docs.js', 'openapi.json'];  // another page's
const names = readdirSync(new URL('../../www', import.meta.url)).filter((name) => !docs.includes(name));
const later = ['calendar.js', 'causes.js', 'causes.json']; // fetched when somebody needs them

test('all files together, compressed', () => {
  const bytes = names.reduce((sum, name) => sum + gzipSync(read(name), { level: 1 }).length, 0);
  assert.ok(bytes < 50_000, `${bytes} bytes`);
});

test('what every visit loads is what index.html names, and no more', () => {
  const asked = [...read('index.html').matchAll(/(?:href|src)="\/static\/([\w.]+)"/g)].map(([, name]) => name);
  const eager = names.filter((name) => !later.includes(name) && name !== 'index.html');
  assert.deepEqual([...new Set(asked)].sort(), eager.sort());
});
