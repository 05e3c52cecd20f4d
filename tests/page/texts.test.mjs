// The words: index.html and texts.js say the same, nothing is missing, no language lacks a twin, and
// nothing in the page's files needs a looser Content-Security-Policy.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, read } from './load.mjs';

const { choose, texts } = await load('texts.js');
const html = read('index.html');
const scripts = ['app.js', 'api.js', 'login.js'].map(read).join('\n');

test('index.html repeats the English texts', () => {
  const marked = [...html.matchAll(/data-text="(\w+)"[^>]*>([^<]*)</g)];
  assert.equal(marked.length, html.match(/data-text=/g).length);
  assert.ok(marked.length > 30);
  for (const [, key, words] of marked) assert.equal(words, texts.en[key], key);
});

test('index.html has no words of its own', () => {
  const rest = html.replace(/<!--.*?-->/gs, '').replace(/<!doctype html>/, '')
    .replace(/<noscript>.*?<\/noscript>/gs, '')
    .replace(/data-text="\w+"([^>]*)>[^<]*</g, '$1><').replace(/<[^>]*>/g, '');
  assert.equal(rest.trim(), '');
});

test('every problem and every status has its text', () => {
  const used = [
    ...scripts.matchAll(/(?:text|hintText|before|problem|why): '(\w+)'/g),
    ...scripts.matchAll(/\bt\.(\w+)/g),
    ...scripts.matchAll(/(?:run\([\w.]+, |withPasted\()'(\w+)'/g),
  ].map(([, key]) => key);
  assert.ok(used.length > 40);
  for (const key of used) assert.ok(Object.hasOwn(texts.en, key), key);
  for (const key of used.filter((name) => /^(state|token)[A-Z](?!ype)/.test(name) && name !== 'tokenEmpty')) {
    assert.ok(Object.hasOwn(texts.en, `${key}Hint`) || key.endsWith('Hint'), `${key}Hint`);
  }
});

test('every text has its twin in every language', () => {
  const shape = (value) => (value && typeof value === 'object'
    ? Object.fromEntries(Object.entries(value).sort().map(([key, inner]) => [key, shape(inner)]))
    : typeof value);
  for (const [language, own] of Object.entries(texts)) {
    assert.deepEqual(shape(own), shape(texts.en), language);
  }
});

test('the language is chosen from what the person reads', () => {
  assert.equal(choose(['en-GB', 'de']), 'en');
  assert.equal(choose(['xx', 'EN']), 'en');
  assert.equal(choose(['xx', 'toString']), 'en');
  assert.equal(choose([]), 'en');
});

test('nothing inline, nothing from elsewhere, nothing parsed as HTML', () => {
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i);
  for (const [tag] of html.matchAll(/<script[^>]*>/g)) assert.match(tag, /\ssrc="\/static\//);
  assert.doesNotMatch(html + scripts + read('app.css'), /https?:\/\/(?!\$)/);
  assert.doesNotMatch(scripts, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|localStorage|document\.cookie/);
  assert.equal(scripts.match(/sessionStorage\.setItem/g).length, 1);
});
