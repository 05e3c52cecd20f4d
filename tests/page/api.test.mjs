// How answers are read (www/api.js), with a fetch that answers what the case says.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const { ask, readJson, readProblem, retryAt } = await load('api.js');

const NOW = Date.UTC(2026, 10, 23, 12);
const unreadable = (status) => (
  { text: 'unreadable', status, hintText: 'unreadableHint', retryAt: null });

test('JSON keeps its digits', async (t) => {
  const cases = [
    ['{"user_id":17841405793187218}', { user_id: '17841405793187218' }],
    ['{"user_id": "17841405793187218"}', { user_id: '17841405793187218' }],
    ['{"a":[-1.50e+3,0,true,null]}', { a: ['-1.50e+3', '0', true, null] }],
    ['{"a \\" 12":"b\\\\", "c":"\\"user_id\\":5"}', { 'a " 12': 'b\\', c: '"user_id":5' }],
    ['{"é":"12 34"}', { é: '12 34' }],
  ];
  for (const [text, value] of cases) {
    await t.test(text, () => assert.deepEqual(readJson(text), value));
  }
  for (const text of ['', '{"a":01}', '{"a":1.}', '<html>', '{"a":"b}']) {
    await t.test(`refuses ${text}`, () => assert.throws(() => readJson(text), SyntaxError));
  }
});

test('Retry-After', () => {
  assert.equal(retryAt('30', NOW), NOW + 30_000);
  assert.equal(retryAt('0', NOW), NOW);
  assert.equal(retryAt('Mon, 23 Nov 2026 12:01:00 GMT', NOW), NOW + 60_000);
  for (const bad of [null, '', 'soon', '-5', 'Mon, 23 Nov 2020 12:01:00 GMT', '9'.repeat(20)]) {
    assert.equal(retryAt(bad, NOW), null, String(bad));
  }
});

test('problems', async (t) => {
  const cases = [
    ['a sentence', 400, '{"detail":"Used already","hint":"Log in again."}',
      { detail: 'Used already', hint: 'Log in again.', retryAt: null }],
    ['a sentence alone', 404, '{"detail":"Not Found"}', { detail: 'Not Found', hint: null, retryAt: null }],
    ['a list', 422, '{"detail":[{"type":"missing","loc":["body","code"],"msg":"Field required"},{"type":"json_invalid","loc":["body",7],"msg":"JSON decode error"}]}',
      { fields: [{ name: 'code', message: 'Field required' }, { name: '7', message: 'JSON decode error' }], hint: null, retryAt: null }],
    ['an empty list', 422, '{"detail":[]}', unreadable(422)],
    ['a list of nothing', 422, '{"detail":[null,1,{}]}', unreadable(422)],
    ['an empty sentence', 400, '{"detail":""}', unreadable(400)],
    ['another JSON', 500, '[]', unreadable(500)],
    ['null', 500, 'null', unreadable(500)],
    ["a proxy's page", 502, '<html>Bad Gateway', unreadable(502)],
  ];
  for (const [name, status, text, problem] of cases) {
    await t.test(name, () => assert.deepEqual(readProblem(status, text, null, NOW), problem));
  }
});

test('asking', async (t) => {
  const answer = (text, init) => async () => new Response(text, init);
  const now = () => NOW;

  await t.test('a token goes into the header, never into the address', async () => {
    let seen;
    const fetch = async (path, options) => { seen = { path, ...options }; return new Response('{"a":1}'); };
    assert.deepEqual(await ask('/me', { token: 'T', fetch, now }), { data: { a: '1' } });
    assert.equal(seen.path, '/me');
    assert.equal(seen.method, 'GET');
    assert.equal(seen.headers.Authorization, 'Bearer T');
    assert.equal(seen.body, undefined);
    assert.equal(seen.cache, 'no-store');
  });
  await t.test('a body is posted as JSON', async () => {
    let seen;
    const fetch = async (path, options) => { seen = options; return new Response('{}'); };
    await ask('/access-token', { body: { code: 'a"b' }, fetch, now });
    assert.equal(seen.method, 'POST');
    assert.equal(seen.headers['Content-Type'], 'application/json');
    assert.equal(seen.headers.Authorization, undefined);
    assert.equal(seen.body, '{"code":"a\\"b"}');
  });
  await t.test('a success without what was asked for', async () => {
    for (const text of ['{}', 'null', '', 'OK']) {
      const { data, problem } = await ask('/x', { fetch: answer(text), now, valid: (body) => 'a' in body });
      assert.equal(data, undefined);
      assert.equal(problem.text, 'unreadable', text);
    }
  });
  await t.test('too many', async () => {
    const fetch = answer('{"detail":"Slow down"}', { status: 429, headers: { 'Retry-After': '7' } });
    assert.deepEqual(await ask('/x', { fetch, now }), {
      problem: { detail: 'Slow down', hint: null, retryAt: NOW + 7000 },
    });
  });
  for (const [name, error, text] of [
    ['no connection', new TypeError('Failed to fetch'), 'unreachable'],
    ['no patience', new DOMException('', 'TimeoutError'), 'tooSlow'],
  ]) {
    await t.test(name, async () => {
      const { problem } = await ask('/x', { fetch: async () => { throw error; }, now });
      assert.equal(problem.text, text);
    });
  }
});
