// The login's rules (www/login.js) as tables of cases: no browser, no network, a fixed clock.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load } from './load.mjs';

const {
  authorizationUrl, classify, curl, duration, expiryOf, keep, makeState, milliseconds, pictureOf,
  readCallback, readPasted, readScopes,
} = await load('login.js');

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const NOW = Date.UTC(2026, 10, 23, 12);
const CALLBACK = 'https://bot.example/auth/callback';

test('a state is the bytes in hexadecimal', () => {
  assert.equal(makeState(Uint8Array.of(0, 1, 15, 16, 255)), '00010f10ff');
});

test('authorization URL', async (t) => {
  const config = { app_id: '1234567890123456', scope: 'threads_basic,threads_content_publish' };
  const cases = [
    ['plain', 'https://threads.net/oauth/authorize', 'https://threads.net/oauth/authorize', {}],
    ['has a query already', 'https://threads.net/oauth/authorize?lang=zh', 'https://threads.net/oauth/authorize', { lang: 'zh' }],
    ['cannot be overruled by its query', 'https://a.example/x?client_id=9&client_id=8&state=evil', 'https://a.example/x', {}],
    ['has a fragment', 'https://a.example/x#top', 'https://a.example/x', {}],
  ];
  for (const [name, auth_url, where, more] of cases) {
    await t.test(name, () => {
      const url = new URL(authorizationUrl({ ...config, auth_url }, CALLBACK, 'abc'));
      assert.equal(url.origin + url.pathname, where);
      assert.equal(url.hash, '');
      assert.deepEqual(Object.fromEntries(url.searchParams), {
        ...more,
        client_id: '1234567890123456',
        redirect_uri: CALLBACK,
        scope: 'threads_basic,threads_content_publish',
        response_type: 'code',
        state: 'abc',
      });
      assert.equal([...url.searchParams].length, 5 + Object.keys(more).length);
    });
  }
  for (const auth_url of ['javascript:alert(1)', '/oauth/authorize', '', undefined]) {
    await t.test(`refuses ${auth_url}`, () => {
      assert.throws(() => authorizationUrl({ ...config, auth_url }, CALLBACK, 'abc'), TypeError);
    });
  }
});

test('callback', async (t) => {
  const cases = [
    // name, query and fragment, stored state, outcome, whether the stored state is used up
    ['nothing', '', 's1', { kind: 'start' }, false],
    ['an empty code', '?code=&state=s1', 's1', { kind: 'start' }, false],
    ['a code', '?code=AQB-1&state=s1', 's1', { kind: 'code', code: 'AQB-1' }, true],
    ['#_ behind it', '?code=AQB-1&state=s1#_', 's1', { kind: 'code', code: 'AQB-1' }, true],
    ['#_ behind the code', '?state=s1&code=AQB-1#_', 's1', { kind: 'code', code: 'AQB-1' }, true],
    ['#_ escaped', '?code=AQB-1%23_&state=s1%23_', 's1', { kind: 'code', code: 'AQB-1' }, true],
    ['state missing', '?code=AQB-1', 's1', { kind: 'refused', why: 'stateMissing' }, true],
    ['state empty', '?code=AQB-1&state=', 's1', { kind: 'refused', why: 'stateMissing' }, true],
    ['state empty and none stored', '?code=AQB-1&state=', '', { kind: 'refused', why: 'stateMissing' }, true],
    ['state wrong', '?code=AQB-1&state=s2', 's1', { kind: 'refused', why: 'stateWrong' }, true],
    ['state used before, or another tab', '?code=AQB-1&state=s1', null, { kind: 'refused', why: 'stateUnknown' }, true],
    ['two states', '?code=AQB-1&state=s1&state=s2', 's1', { kind: 'refused', why: 'stateWrong' }, true],
    ['two codes', '?code=AQB-1&code=AQB-2&state=s1', 's1', { kind: 'refused', why: 'stateWrong' }, true],
    ['a login of threads-token', '?code=AQB-1&state=threads-token-00#_', 's1',
      { kind: 'tool', address: `${CALLBACK}?code=AQB-1&state=threads-token-00#_` }, false],
    ['denied', '?error=access_denied&error_reason=user_denied&error_description=The+user+denied+your+request&state=s1#_', 's1',
      { kind: 'denied', text: 'The user denied your request' }, true],
    ['denied as Meta misspells it', '?error=access%20_denied&state=s1', 's1', { kind: 'denied', text: 'access _denied' }, true],
    ['denied without a word', '?error&state=s1', 's1', { kind: 'denied', text: '' }, true],
    ['denied with a code', '?error=x&code=AQB-1&state=s1', 's1', { kind: 'denied', text: 'x' }, true],
    ['denied at length', `?error=${'x'.repeat(900)}&state=s1`, 's1', { kind: 'denied', text: 'x'.repeat(300) }, true],
    ['denied, state missing', '?error=access_denied&error_description=Call+555', 's1', { kind: 'denied', text: null }, true],
    ['denied, state empty', '?error=access_denied&error_description=Call+555&state=', 's1', { kind: 'denied', text: null }, true],
    ['denied, state wrong', '?error=access_denied&error_description=Call+555&state=s2', 's1', { kind: 'refused', why: 'stateWrong' }, true],
    ['denied, two states', '?error=x&error_description=Call+555&state=s1&state=s2', 's1', { kind: 'refused', why: 'stateWrong' }, true],
    ['denied, and no login under way', '?error=x&error_description=Call+555&state=s1', null, { kind: 'refused', why: 'stateUnknown' }, true],
    ['denied, no state and no login under way', '?error=x&error_description=Call+555', null, { kind: 'refused', why: 'stateUnknown' }, true],
    ['denied, state empty and none stored', '?error=x&error_description=Call+555&state=', '', { kind: 'refused', why: 'stateUnknown' }, true],
    ['a login of threads-token, denied', '?error=x&error_description=Call+555&state=threads-token-00', 's1',
      { kind: 'denied', text: null }, false],
  ];
  for (const [name, rest, stored, outcome, used] of cases) {
    await t.test(name, () => {
      let taken = 0;
      assert.deepEqual(readCallback(CALLBACK + rest, () => { taken += 1; return stored; }), outcome);
      assert.equal(taken, used ? 1 : 0);
    });
  }
});

test('what was pasted', async (t) => {
  const cases = [
    ['THQVJabc', { token: 'THQVJabc' }],
    ['  THQVJabc\n', { token: 'THQVJabc' }],
    ['THQV\r\nJabc', { token: 'THQVJabc' }],
    ['"THQVJabc"', { token: 'THQVJabc' }],
    ['Bearer THQVJabc', { token: 'THQVJabc' }],
    ['Authorization: Bearer THQVJabc', { token: 'THQVJabc' }],
    ['{"access_token":"THQVJabc","user_id":17841405793187218}', { token: 'THQVJabc' }],
    ['', { problem: 'tokenEmpty' }],
    [' \n', { problem: 'tokenEmpty' }],
    ['https://bot.example/auth/callback?code=AQB&state=1#_', { problem: 'tokenAddress' }],
    ['AQB-1#_', { problem: 'tokenAddress' }],
    ['TH|1234567890123456|abc', { problem: 'tokenApp' }],
    ['two words', { problem: 'tokenShape' }],
    ['tökén', { problem: 'tokenShape' }],
  ];
  for (const [text, outcome] of cases) {
    await t.test(JSON.stringify(text), () => assert.deepEqual(readPasted(text), outcome));
  }
});

test('a token is classified', async (t) => {
  const at = (ms) => String(Math.floor((NOW + ms) / 1000));
  const token = (age, life, is_valid = true) => ({
    is_valid, issued_at: at(-age), expires_at: at(life - age),
  });
  const cases = [
    ['short-lived', token(HOUR / 2, HOUR), 'short'],
    ['short-lived, over', token(2 * HOUR, HOUR), 'expired'],
    ['long-lived, an hour old', token(HOUR, 60 * DAY), 'young'],
    ['long-lived, a second under a day', token(DAY - 1000, 60 * DAY), 'young'],
    ['long-lived, a day old', token(DAY, 60 * DAY), 'ready'],
    ['long-lived, 59 days old', token(59 * DAY, 60 * DAY), 'ready'],
    ['long-lived, at its end', token(60 * DAY, 60 * DAY), 'expired'],
    ['long-lived, over, called invalid', token(61 * DAY, 60 * DAY, false), 'expired'],
    ['revoked', token(DAY, 60 * DAY, false), 'invalid'],
    ['valid is a text', token(DAY, 60 * DAY, 'true'), 'invalid'],
    ['no dates', { is_valid: true }, 'unknown'],
    ['expires at 0', { is_valid: true, issued_at: at(0), expires_at: '0' }, 'unknown'],
    ['nothing', {}, 'invalid'],
  ];
  for (const [name, data, verdict] of cases) {
    await t.test(name, () => assert.equal(classify(data, NOW).verdict, verdict));
  }
  await t.test('dates', () => {
    const { issued, expires, refreshFrom } = classify(token(2 * DAY, 60 * DAY), NOW);
    assert.deepEqual([issued, expires, refreshFrom], [NOW - 2 * DAY, NOW + 58 * DAY, NOW - DAY]);
    assert.equal(classify(token(0, HOUR), NOW).refreshFrom, null);
  });
  await t.test('kinds', () => {
    const kinds = [token(0, HOUR), token(2 * HOUR, HOUR), token(0, 60 * DAY), token(61 * DAY, 60 * DAY), { is_valid: true }]
      .map((data) => classify(data, NOW).kind);
    assert.deepEqual(kinds, ['short', 'short', 'long', 'long', null]);
  });
});

test('seconds become a date, or none', () => {
  assert.equal(milliseconds('1'), 1000);
  for (const bad of ['0', '-1', '', null, undefined, 'soon', NaN, Infinity, '1e300']) {
    assert.equal(milliseconds(bad), null, String(bad));
    assert.equal(expiryOf(bad, NOW), null, String(bad));
  }
  assert.equal(expiryOf('5183944', NOW), NOW + 5_183_944_000);
  assert.equal(expiryOf('8639999999999', NOW), null);
});

test('durations', async (t) => {
  const cases = [
    [0, ''], [59_999, ''], [60_000, '1 minute'], [HOUR - 1, '59 minutes'], [HOUR, '1 hour'],
    [HOUR + 60_000, '1 hour, 1 minute'], [DAY - 1, '23 hours, 59 minutes'], [DAY, '1 day'],
    [5_183_944_000, '59 days, 23 hours'], [60 * DAY, '60 days'],
  ];
  for (const [ms, text] of cases) {
    await t.test(String(ms), () => assert.equal(duration(ms, 'en'), text));
  }
});

test('a picture comes over https or from here', () => {
  const from = (address) => pictureOf(address, 'http://localhost:8080');
  assert.equal(from('https://cdn.example/a.jpg?b=1'), 'https://cdn.example/a.jpg?b=1');
  assert.equal(from('http://localhost:8080/a.svg'), 'http://localhost:8080/a.svg');
  for (const bad of ['http://cdn.example/a.jpg', 'javascript:alert(1)', 'data:image/png,x', '', null, undefined]) {
    assert.equal(from(bad), null, String(bad));
  }
});

// What the lines do: tests/tool/recipes.test.mjs.
test('curl lines hold no token and no code', () => {
  const origin = 'https://bot.example';
  const lines = [curl.code(origin), curl.token(origin, '/refresh-access-token')];
  assert.match(lines[0], /"redirect_uri":"https:\/\/bot\.example\/auth\/callback"[^]* -d @- 'https:\/\/bot\.example\/access-token'\n\)$/);
  assert.match(lines[1], / -H @- 'https:\/\/bot\.example\/refresh-access-token'\n\)$/);
  for (const line of lines) assert.doesNotMatch(line, /read -|\$[A-Z]/, 'neither what dash does not know nor a variable');
});

test('permissions are read from a text', () => {
  assert.deepEqual(readScopes('threads_basic,threads_delete'), ['threads_basic', 'threads_delete']);
  assert.deepEqual(readScopes(' a, b ,,c'), ['a', 'b', 'c']);
  for (const nothing of ['', undefined, null]) assert.deepEqual(readScopes(nothing), []);
});

test('the lines that keep a token alive name files, not tokens', () => {
  const lines = Object.values(keep('https://bot.example')).join('\n');
  assert.match(lines, /curl -fsS -m 60 -H @- 'https:\/\/bot\.example\/refresh-access-token'/);
  assert.doesNotMatch(lines, /access_token=|THQV|Bearer [^/]/);
});
