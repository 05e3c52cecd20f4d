// The words: index.html and texts.js say the same, nothing is missing, no language lacks a twin, and
// nothing in the page's files needs a looser Content-Security-Policy.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { load, read } from './load.mjs';

const { choose, texts } = await load('texts.js');
const html = read('index.html');
const modules = readdirSync(new URL('../../www', import.meta.url)).filter((name) => name.endsWith('.js') && name !== 'texts.js');
const scripts = modules.map(read).join('\n');

test('index.html repeats the English texts', () => {
  const marked = [...html.matchAll(/data-text="(\w+)"[^>]*>([^<]*)</g)];
  assert.equal(marked.length, html.match(/data-text=/g).length);
  assert.ok(marked.length > 30);
  for (const [, key, words] of marked) assert.equal(words, texts.en[key], key);
});

test('index.html has no words of its own', () => {
  const rest = html.replace(/<!--.*?-->/gs, '').replace(/<!doctype html>/, '')
    .replace(/<noscript>.*?<\/noscript>/gs, '')
    .replace(/<a href="https:\/\/([^"]*)"[^>]*>\1<\/a>/g, '')  // an address is no word
    .replace(/<button[^>]* id="switch"[^>]*>[^<]*</, `<button>${texts['zh-TW'].language === '繁體中文' ? '' : '?'}<`)
    .replace(/data-text="\w+"([^>]*)>[^<]*</g, '$1><').replace(/<[^>]*>/g, '');
  assert.equal(rest.trim(), '');
});

test('every problem and every status has its text', () => {
  const used = [
    ...scripts.matchAll(/(?:text|hintText|before|problem|why): '(\w+)'/g),
    ...scripts.matchAll(/\bt\.(\w+)/g),
    ...scripts.matchAll(/(?:run\([\w.]+, |withPasted\()'(\w+)'/g),
  ].map(([, key]) => key);
  assert.ok(new Set(used).size > 60);
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
  assert.ok(Object.keys(texts.en.permissionLines).length >= 11);
  assert.equal(Object.keys(texts.en.permissionLines)[0], 'threads_basic');
});

test('no text is empty, and none of the Chinese ones was left in English', () => {
  const walk = (value, path, visit) => (typeof value === 'object'
    ? Object.entries(value).forEach(([key, inner]) => walk(inner, `${path}.${key}`, visit))
    : visit(typeof value === 'function' ? value('1', '2') : value, path));
  for (const [language, own] of Object.entries(texts)) walk(own, language, (text, path) => assert.ok(text.trim(), path));
  walk(texts['zh-TW'], 'zh-TW', (text, path) => assert.match(text, /\p{Script=Han}|^1：2$/u, path));
  walk(texts.en, 'en', (text, path) => assert.doesNotMatch(text, /\p{Script=Han}/u, path));
});

test('every cause has its words in every language', () => {
  for (const entry of JSON.parse(read('causes.json'))) {
    for (const language of Object.keys(texts)) {
      assert.deepEqual(Object.keys(entry[language] ?? {}), ['what', 'why', 'do'], `${entry.id}, ${language}`);
      for (const sentence of Object.values(entry[language])) {
        assert.match(sentence, language === 'en' ? /^[A-Z].*[^ ]\.$/ : /\p{Script=Han}.*[^ ]。$/u, `${entry.id}, ${language}`);
      }
    }
  }
});

test('the language is chosen from what the person reads', () => {
  assert.equal(choose(['en-GB', 'de']), 'en');
  assert.equal(choose(['xx', 'EN']), 'en');
  for (const tag of ['zh-TW', 'zh-Hant-HK', 'ZH', 'zh-CN']) assert.equal(choose(['de', tag, 'en']), 'zh-TW', tag);
  assert.equal(choose(['en', 'zh-TW']), 'en');
  assert.equal(choose(['xx', 'toString']), 'en');
  assert.equal(choose([]), 'en');
});

test('nothing inline, nothing from elsewhere, nothing parsed as HTML', () => {
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=|javascript:/i);
  for (const [tag] of html.matchAll(/<script[^>]*>/g)) assert.match(tag, /\ssrc="\/static\//);
  // A link is followed by a person alone; it is the one thing that may name another host.
  assert.doesNotMatch(html.replace(/<a href="https:\/\/[^"]+" target="_blank" rel="noreferrer">/g, '') + read('app.css'), /https?:\/\//);
  assert.doesNotMatch(scripts.replaceAll('http://localhost:$', ''), /https?:\/\/[\w$]/);
  assert.doesNotMatch(scripts, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|localStorage|document\.cookie/);
  assert.equal(scripts.match(/sessionStorage\.setItem/g).length, 1);
});
