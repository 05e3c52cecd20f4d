// The catalogue of causes, entry by entry, and the reading of what people paste.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, read } from './load.mjs';

const { findAnywhere, findCause, readReport } = await load('causes.js');
const catalogue = JSON.parse(read('causes.json'));
const find = (error) => findCause(catalogue, error)?.id ?? null;
const explain = (text) => {
  const { kind, error } = readReport(text);
  return error ? findAnywhere(catalogue, error)?.id ?? null : kind;
};

// What Threads says, at which step, and the cause. Every entry of the catalogue is here.
const cases = [
  ['code-spent', { step: 'exchange', status: 400, code: 400, message: 'Matching code was not found or was already used' }],
  ['code-spent', { step: 'exchange', status: 400, code: 100, subcode: 36009, message: 'This authorization code has been used' }],
  ['redirect-differs', { step: 'exchange', status: 400, code: 100, subcode: 36008, message: 'Error validating verification code' }],
  ['redirect-differs', { step: 'exchange', status: 400, message: 'Invalid redirect_uri' }],
  ['redirect-not-registered', { step: 'window', code: 1349168 }],
  ['redirect-not-registered', { step: 'window', message: 'URL Blocked: This redirect failed' }],
  ['redirect-insecure', { step: 'window', code: 1349187, message: 'Insecure Login Blocked' }],
  ['tester-not-accepted', { step: 'window', code: 1349245 }],
  ['tester-not-accepted', { step: 'exchange', status: 400, message: 'The user has not accepted the invite to test the app' }],
  ['app-id-wrong', { step: 'window', code: 1349026 }],
  ['app-id-wrong', { step: 'window', code: 4476002 }],
  ['app-id-wrong', { step: 'window', message: 'Attempted to load Ent … TH__APPLICATION … APPLICATION' }],
  ['app-id-wrong', { step: 'exchange', status: 400, code: 101, message: 'Error validating application' }],
  ['app-secret-wrong', { step: 'exchange', status: 400, code: 1, message: 'Error validating client secret.' }],
  ['window-unknown', { step: 'window', code: 1, message: 'An unknown error has occurred' }],
  ['denied', { step: 'window', message: 'access_denied' }],
  ['denied', { step: 'window', message: 'The user denied your request' }],
  ['long-lived-already', { step: 'long-lived', status: 400, code: 452, message: 'Session key invalid' }],
  ['token-expired', { step: 'refresh', status: 400, code: 190, subcode: 463, message: 'Session has expired' }],
  ['token-revoked', { step: 'inspect', status: 400, code: 190, subcode: 458, message: 'The user has not authorized application 1' }],
  ['rate-limit', { step: 'profile', status: 429 }],
  ['rate-limit', { step: 'refresh', status: 400, code: 613 }],
  ['refresh-window', { step: 'refresh', status: 400, message: 'The access token must be at least 24 hours old' }],
  ['permission', { step: 'profile', status: 400, code: 10 }],
  ['permission', { step: 'profile', status: 400, code: 200 }],
  ['permission', { step: 'profile', status: 400, code: '299' }],
  ['token-unknown', { step: 'inspect', status: 400, code: 190, message: 'Invalid OAuth access token' }],
  ['passing', { step: 'exchange', status: 400, code: 2 }],
  [null, { step: 'exchange', status: 400, code: 300, message: 'Something new' }],
  [null, { step: 'inspect' }],
  [null, { step: 'exchange', status: 400, message: 'Permissive denied' }],
];
for (const [id, error] of cases) {
  test(`${id}: ${JSON.stringify(error)}`, () => assert.equal(find(error), id));
}

test('every entry has its case, and is not hidden by one before it', () => {
  assert.deepEqual([...new Set(cases.map(([id]) => id).filter(Boolean))].sort(), catalogue.map(({ id }) => id).sort());
});

test('numbers that came as texts match, too', () => {
  assert.equal(find({ step: 'exchange', code: '100', subcode: '36008' }), 'redirect-differs');
  const texts = JSON.parse(read('causes.json').replace(/(?<=[[, ])\d+(?=[\],])/g, '"$&"'));
  assert.equal(findCause(texts, { step: 'window', code: 1349168 }).id, 'redirect-not-registered');
  assert.equal(findCause(texts, { step: 'me', code: 250 }).id, 'permission');
});

test('what is pasted', async (t) => {
  const auth = 'https://threads.net/oauth/authorize';
  const here = 'https://bot.example/auth/callback';
  const pasted = [
    ['', 'empty'], [' \n', 'empty'],
    ['{"error_message":"URL Blocked: This redirect failed","error_code":1349168}', 'redirect-not-registered'],
    ['{"error_message":"The user has not accepted the invite to test the app","error_code":1349245}', 'tester-not-accepted'],
    ['It says {"error_message":"x","error_code":"1349187"} and nothing more', 'redirect-insecure'],
    ['{"error_message":"An unknown error has occurred","error_code":1}', 'window-unknown'],
    ['{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}', 'code-spent'],
    ['{"error":{"message":"Session key invalid","type":"OAuthException","code":452,"fbtrace_id":"A"}}', 'long-lived-already'],
    ['{"error":{"message":"x","code":190,"error_subcode":463}}', 'token-expired'],
    ['{"error":"access_denied","error_description":"The user denied your request"}', 'denied'],
    ['{"detail":"Session has expired","upstream":{"status":400,"code":190},"hint":"…"}', 'token-expired'],
    ['{"error_message":"Something new","error_code":7}', null],
    ['{"error":null}', null], ['{"upstream":null}', null], ['[1]', null], ['{}', null],
    ['Error 1349026: No application data was given', 'app-id-wrong'],
    ['URL BLOCKED', 'redirect-not-registered'],
    ['it does not work', null],
    ['1349168', 'redirect-not-registered'],
    [`${here}?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request#_`, 'denied'],
    [`${here}?error_code=1349245&error_message=x`, 'tester-not-accepted'],
    [`${here}?code=AQB-1&state=s#_`, 'code'],
    [here, 'address'], ['https://', 'address'],
    [`${auth}?client_id=&redirect_uri=${here}`, 'app-id-wrong'],
    [`${auth}?redirect_uri=${here}`, 'app-id-wrong'],
    [`${auth}?client_id=12345&redirect_uri=http://bot.example/auth/callback`, 'redirect-insecure'],
    [`${auth}?client_id=12345&redirect_uri=${here}`, 'window'],
  ];
  for (const [text, outcome] of pasted) await t.test(text, () => assert.equal(explain(text), outcome));
});

test('the window’s own address is read', () => {
  assert.deepEqual(readReport('https://threads.net/oauth/authorize?client_id=12345&redirect_uri=https://a.example/'),
    { kind: 'window', appId: '12345', redirectUri: 'https://a.example/' });
});
