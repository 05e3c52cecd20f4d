// What stands around the login: the set-up panel, the permissions, the errors of Meta's own page, the
// dates and lines that keep a token alive, and the page's other language.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe } from 'node:test';
import { day, graphError, inspected, rig, threads, together } from '../lib/browser.mjs';
import { readCalendar } from '../lib/calendar.mjs';
import { appId, code, otherToken, token } from '../lib/canaries.mjs';
import { root } from '../lib/stage.mjs';

const catalogue = JSON.parse(fs.readFileSync(path.join(root, 'www/causes.json'), 'utf8'));
const now = () => Math.floor(Date.now() / 1000);
const clipboard = { permissions: ['clipboard-read', 'clipboard-write'] };
const copied = (visit) => visit.page.evaluate(() => navigator.clipboard.readText());
const unfold = (visit, name) => visit.page.locator('summary:visible', { hasText: name }).click();
const permission = (visit, name) => visit.page.getByRole('checkbox', { name });
const table = (visit) => visit.page.locator('#scopes tbody tr').evaluateAll((rows) => (
  rows.map((row) => [...row.children].map((cell) => cell.textContent))));

async function report(visit, text) {
  await visit.page.getByLabel('The error, or the address').fill(text);
  await visit.button('Explain').click();
  return visit.problem();
}

async function download(visit, card) {
  const downloading = visit.page.waitForEvent('download');
  await card.getByRole('button', { name: 'Add to calendar' }).click();
  const file = await downloading;
  assert.equal(file.suggestedFilename(), 'threads-token.ics');
  return fs.readFileSync(await file.path());
}

describe('against the sandbox', together, () => {
  const it = rig();
  const { test } = it;

  test('the first time: from the set-up panel to a long-lived token and a reminder of its end', clipboard, async (visit) => {
    await visit.open();
    await unfold(visit, 'Set up the Meta app');
    await visit.sees('Meta refuses localhost: it is every computer’s own name for itself.');
    const urls = await visit.page.locator('#urls code').allTextContents();
    assert.deepEqual(urls, ['/auth/callback', '/deauthorize', '/data-deletion'].map((p) => visit.site + p));
    await visit.button('Copy: Redirect Callback URLs').click();
    await visit.page.locator('#urls .copy.done').waitFor();
    const redirect = await copied(visit);
    await visit.sees(appId);
    await visit.picture('setup', { fullPage: true });

    await unfold(visit, 'Permissions');
    await permission(visit, 'threads_content_publish').uncheck();
    await permission(visit, 'threads_read_replies').check();
    await visit.button('Login with Threads').click();
    await visit.button('Allow').waitFor();
    const asked = new URL(visit.page.url()).searchParams;
    assert.equal(asked.get('redirect_uri'), redirect);
    assert.equal(asked.get('scope'), 'threads_basic,threads_read_replies');
    await visit.button('Allow').click();
    await visit.heading('Short-lived token').waitFor();
    await visit.page.locator('#scopes td:text-is("Yes") >> nth=3').waitFor();
    assert.deepEqual(await table(visit), [['threads_basic', 'Yes', 'Yes'], ['threads_read_replies', 'Yes', 'Yes']]);
    await visit.getLong();
    const card = visit.page.locator('#long');
    const ends = Date.parse(await card.locator('.refresh-by time').getAttribute('datetime'));
    const [first, last] = readCalendar(await download(visit, card)).parts.map(({ properties }) => properties);
    assert.equal(last.DTSTART, Math.floor(ends / 1000) * 1000);
    assert.equal(last.DTSTART - first.DTSTART, 7 * day * 1000);
    assert.equal(first.SUMMARY, 'Refresh the Threads token of @sandbox.user');
  });

  test('the page in Chinese, from a browser that asks for it, to a long-lived token', { locale: 'zh-TW', timezoneId: 'Asia/Taipei' }, async (visit) => {
    await visit.open();
    assert.equal(await visit.page.evaluate(() => document.documentElement.lang), 'zh-TW');
    assert.equal(await visit.page.title(), '使用 Threads 登入');
    await visit.button('使用 Threads 登入').click();
    await visit.button('Allow').click();
    await visit.heading('短期權杖').waitFor();
    await visit.button('取得長期權杖').click();
    await visit.heading('長期權杖').waitFor();
    assert.match(await visit.value('到期時間', visit.page.locator('#long')), /^\d{4}年\d+月\d+日.*\n還剩/);
    assert.equal(new URL(visit.page.url()).search, '');
  });

  test('the switch changes every word, survives a reload and the login, and keeps nothing', async (visit) => {
    await visit.open();
    await visit.button('繁體中文').click();
    await visit.heading('取得 Threads 權杖').waitFor();
    assert.equal(visit.page.url(), `${visit.site}/auth?lang=zh-TW`);
    const left = await visit.page.evaluate(() => [...document.querySelectorAll('[data-text]:not(.copy)')]
      .filter((e) => !/\p{Script=Han}/u.test(e.textContent)).map((e) => e.outerHTML));
    assert.deepEqual(left, []);
    await visit.page.reload();
    await visit.button('使用 Threads 登入').click();
    assert.equal(new URL(visit.page.url()).searchParams.get('redirect_uri') ?? `${visit.site}/auth/callback`, `${visit.site}/auth/callback`);
    await visit.button('Allow').click();
    await visit.heading('短期權杖').waitFor();
    assert.equal(visit.page.url(), `${visit.site}/auth/callback?lang=zh-TW`);
    await visit.button('English').click();
    await visit.heading('Short-lived token').waitFor();
    assert.equal(await visit.page.evaluate(() => document.documentElement.lang), 'en');
  });

  it.end();
});

describe('against a scripted Threads', () => {
  const it = rig({ scripted: true });
  const { test } = it;
  const config = (visit, own) => visit.page.route('**/config', (route) => route.fulfill({
    json: { app_id: '1234567890', auth_url: 'https://threads.net/oauth/authorize', scope: 'threads_basic', sandbox: false, ...own },
  }));

  test('an address that Meta refuses is called so at once, and why', async (visit) => {
    await config(visit);
    await visit.open();
    await visit.page.getByText('As it is, no login through Meta can work.').waitFor();
    assert.equal(await visit.page.getByText('This is a rehearsal.').isVisible(), false);
    const shift = await visit.page.evaluate(() => new Promise((resolve) => {
      new PerformanceObserver((list) => resolve(list.getEntries().reduce((sum, { value }) => sum + value, 0))).observe({ type: 'layout-shift', buffered: true });
      setTimeout(resolve, 300, 0);
    }));
    assert.equal(shift, 0, 'and nothing has moved');
    await unfold(visit, 'Set up the Meta app');
    await visit.page.getByText('cloudflared tunnel --url http://localhost:').waitFor();
    assert.equal(await visit.page.locator('#app-id-problem').isVisible(), false);
  });

  test('an app id that is no number is called so', async (visit) => {
    await config(visit, { app_id: 'my-app' });
    await visit.open();
    await unfold(visit, 'Set up the Meta app');
    await visit.page.getByText('This is not a number').waitFor();
  });

  test('threads_basic stays, and a permission that only the server knows can be chosen', async (visit) => {
    await config(visit, { scope: 'threads_basic,threads_brand_new', auth_url: `${visit.threads}/oauth/authorize`, sandbox: true });
    await visit.open();
    await unfold(visit, 'Permissions');
    await permission(visit, 'threads_brand_new').uncheck();
    await permission(visit, 'threads_basic').click({ force: true });
    assert.equal(await permission(visit, 'threads_basic').isChecked(), true);
    await permission(visit, 'threads_brand_new').check();
    await permission(visit, 'threads_delete').focus();
    await visit.page.keyboard.press('Space');
    await visit.sees('3 chosen');
    await visit.button('Login with Threads').click();
    await visit.heading('Short-lived token').waitFor();
    const { query } = visit.upstream.requests.find((r) => r.path === '/oauth/authorize');
    assert.equal(new URLSearchParams(query).get('scope'), 'threads_basic,threads_delete,threads_brand_new');
    await visit.page.getByText('Not everything was granted').waitFor();
    assert.deepEqual(await table(visit), [['threads_basic', 'Yes', 'Yes'], ['threads_delete', 'Yes', 'No'], ['threads_brand_new', 'Yes', 'No']]);
  });

  test('what was granted cannot be found out: the token is there all the same', {
    answers: { '/v1.0/debug_token': graphError(500, 'x') }, fails: ['/debug-token'],
  }, async (visit) => {
    await visit.login();
    await visit.sees('What was granted could not be found out.');
    assert.equal(await visit.tokenIn('short'), token);
  });

  // An error that has this cause, and where it shows itself.
  function sample({ steps, texts = [], codes = [], subcodes = [], statuses = [] }) {
    const error = { message: texts[0] ?? 'Something went wrong', type: 'OAuthException', code: codes[0] ?? (subcodes[0] && 190), error_subcode: subcodes[0] };
    return { step: steps?.[0] ?? 'inspect', answer: { status: statuses[0] ?? 400, body: JSON.stringify({ error }) } };
  }
  const ways = {
    window: { answers: () => ({}), fails: [] },
    exchange: { at: '/oauth/access_token', fails: ['/access-token'], go: (visit) => visit.startLogin() },
    'long-lived': {
      at: '/access_token', fails: ['/long-lived-access-token'],
      go: async (visit) => { await visit.login(); await visit.button('Get Long-Lived Access Token').click(); },
    },
    refresh: { at: '/refresh_access_token', fails: ['/refresh-access-token'], go: async (visit) => { await visit.open(); await visit.paste(token, 'Refresh'); } },
    inspect: { at: '/v1.0/debug_token', fails: ['/debug-token'], go: async (visit) => { await visit.open(); await visit.paste(token, 'Inspect'); } },
  };
  for (const entry of catalogue) {
    const { step, answer } = sample(entry);
    const { at, fails, go } = ways[step];
    test(`explained in both languages: ${entry.id}`, { answers: at ? { [at]: answer } : {}, fails }, async (visit) => {
      let lines;
      if (go) {
        await go(visit);
        lines = await visit.problem();
      } else {
        const { error } = JSON.parse(answer.body);
        await visit.open();
        await unfold(visit, 'I got an error on Meta’s page');
        lines = await report(visit, JSON.stringify({ error_message: error.message, error_code: error.code }));
      }
      const { what, why, do: advice } = entry.en;
      assert.deepEqual(lines.slice(0, 3), [what, why, advice]);
      await visit.button('繁體中文').click();
      assert.deepEqual((await visit.problem()).slice(0, 3), Object.values(entry['zh-TW']));
    });
  }

  test('the box for Meta’s errors: addresses, words, and what nobody knows', async (visit) => {
    await visit.open();
    await unfold(visit, 'I got an error on Meta’s page');
    const first = async (text) => (await report(visit, text))[0];
    assert.equal(await first(''), 'Paste what Meta’s page shows first.');
    assert.equal(await first(`${visit.site}/auth/callback?code=${'x'.repeat(9)}&state=y#_`), 'This is no error: the address brings an authorization code, so Threads did consent.');
    assert.equal(await first(`${visit.site}/auth/callback?error=access_denied&error_reason=user_denied`), 'The login was denied.');
    assert.equal(await first('The page says URL Blocked'), 'Meta blocked the redirect URI.');
    assert.equal(await first('{"error_message":"<b>Something new</b>","error_code":77}'), 'We do not know this error.');
    const window = (id, uri) => `https://threads.net/oauth/authorize?client_id=${id}&redirect_uri=${encodeURIComponent(uri)}`;
    assert.equal(await first(window('', 'https://a.example/')), 'Threads does not know this app ID.');
    assert.deepEqual(await report(visit, window('999', 'https://a.example/')), [
      'This address was not made by this server.',
      `Its app ID is 999, this server’s is ${appId}.`,
      `Its redirect URI is https://a.example/, this server’s is ${visit.site}/auth/callback.`]);
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'report-problem');
    assert.deepEqual(visit.upstream.requests, [], 'nothing was sent');
  });

  test('a callback with an error that is no denial is explained', { answers: {
    '/oauth/authorize': ({ query }) => {
      const asked = new URLSearchParams(query);
      const answer = new URLSearchParams({
        error: 'server_error', error_description: 'The user has not accepted the invite to test the app', state: asked.get('state') });
      return { status: 302, headers: { Location: `${asked.get('redirect_uri')}?${answer}` } };
    },
  } }, async (visit) => {
    await visit.startLogin();
    await visit.sees('This account was invited as a tester and has not accepted yet.');
    assert.equal(visit.page.url(), `${visit.site}/auth/callback`);
  });

  test('a login that threads-token started: its address to copy, and nothing sent', clipboard, async (visit) => {
    const address = `${visit.site}/auth/callback?code=${code}&state=threads-token-${'0'.repeat(32)}#_`;
    await visit.open(address.slice(visit.site.length));
    await visit.heading('Back to threads-token').waitFor();
    assert.equal(visit.page.url(), `${visit.site}/auth/callback`);
    await visit.button('Copy: Back to threads-token').click();
    await visit.button('Copied').waitFor();
    assert.equal(await copied(visit), address);
    assert.equal(visit.sent('/access-token'), 0);
    await visit.button('Start again').click();
    await visit.button('Login with Threads').waitFor();
    assert.ok(!(await visit.page.content()).includes(code));
  });

  test('a token of 59 days: inspected, then refreshed', {
    answers: { '/v1.0/debug_token': { body: inspected({ issued: now() - 59 * day, expires: now() + day }) } },
  }, async (visit) => {
    await visit.open();
    await visit.paste(token, 'Inspect');
    await visit.sees('A long-lived token in good health. It can be refreshed now.');
    const card = visit.page.locator('#inspection');
    assert.equal(await visit.value('Kind', card), 'Long-lived');
    assert.match(await visit.value('Expires', card), /\n(1 day|23 hours, \d+ minutes) left/);
    const [first, last] = readCalendar(await download(visit, card)).parts.map(({ properties }) => properties);
    assert.ok(Math.abs((last.DTSTART - first.DTSTART) / 1000 - day / 2) < 60, 'half-way to the end');
    await visit.button('Refresh').click();
    await visit.heading('Refreshed token').waitFor();
    assert.equal(await visit.tokenIn('pasted-long'), otherToken);
    assert.match(await visit.value('Must be refreshed before', visit.page.locator('#pasted-long')), /\d{4}/);
  });

  test('a token of 61 days is declared dead, whatever is tried', {
    answers: { '/v1.0/debug_token': { body: inspected({ issued: now() - 61 * day, expires: now() - day, valid: false }) } },
    fails: ['/refresh-access-token', '/debug-token'],
  }, async (visit) => {
    await visit.open();
    await visit.paste(token, 'Inspect');
    await visit.sees('This token has expired and cannot be refreshed any more. Log in again.');
    assert.match(await visit.value('Expires', visit.page.locator('#inspection')), /\nexpired$/);
    assert.equal(await visit.button('Add to calendar').count(), 0);
    const refused = { status: 400, body: '{"error":{"message":"Error validating access token: Session has expired","type":"OAuthException","code":190,"error_subcode":463}}' };
    visit.upstream.answers(threads({ '/refresh_access_token': refused, '/v1.0/debug_token': refused }));
    for (const button of ['Refresh', 'Inspect']) {
      await visit.button(button).click();
      await visit.sees('The token has expired.');
    }
  });

  test('the calendar file and the lines that keep a token alive hold no token', async (visit) => {
    await visit.login();
    await visit.getLong();
    const card = visit.page.locator('#long');
    const file = await download(visit, card);
    assert.equal(readCalendar(file).parts.length, 2);
    assert.ok(!file.includes(otherToken) && !file.includes(token));
    await card.getByText('Keep it alive by itself').click();
    const lines = (await card.locator('.keep code').allTextContents()).join('\n');
    for (const part of [`threads-token login --server '${visit.site}'`, 'threads-token.timer', 'refresh --if-older-than 30', '/refresh-access-token']) assert.ok(lines.includes(part), part);
    assert.ok(!lines.includes(otherToken) && !lines.includes(token));
    await visit.page.getByRole('status').filter({ hasText: 'threads-token.ics was downloaded.' }).waitFor({ state: 'attached' });
  });

  it.end();
});
