// What can be done with a token: lengthen, refresh, inspect, copy.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { day, inspected, rig, together, userId } from '../lib/browser.mjs';
import { otherToken, token } from '../lib/canaries.mjs';
import { load } from '../page/load.mjs';

const { curl } = await load('login.js');

const now = () => Math.floor(Date.now() / 1000);
const clipboard = { permissions: ['clipboard-read', 'clipboard-write'] };
const copied = (visit) => visit.page.evaluate(() => navigator.clipboard.readText());

describe('against the sandbox', together, () => {
  const it = rig();
  const { test } = it;

  test('a login becomes a long-lived token with its end and the day it can be refreshed', async (visit) => {
    await visit.login();
    await visit.getLong();
    const long = await visit.tokenIn('long');
    assert.match(long, /^THQV.{100}/);
    assert.notEqual(long, await visit.tokenIn('short'));
    const card = visit.page.locator('#long');
    assert.match(await visit.value('Expires', card), /\n(60 days|59 days, 23 hours) left/);
    assert.match(await visit.value('Can be refreshed from', card), /\d{4}/);
    assert.equal(await visit.value('Token type', card), 'bearer');
    await visit.page.evaluate(() => scrollTo(0, 0));
    await visit.picture('tokens', { fullPage: true });
  });

  test('the sandbox’s long-lived token is too young to be refreshed: a sentence and a hint', { fails: ['/refresh-access-token'] }, async (visit) => {
    await visit.login();
    await visit.getLong();
    const long = await visit.tokenIn('long');
    await visit.button('Start again').click();
    await visit.paste(long, 'Refresh');
    assert.deepEqual(await visit.problem(), [
      'This token cannot be refreshed now.',
      'Only a long-lived token can be refreshed, from 24 hours after it was issued until 60 days after.',
      'Inspect it: if it is short-lived, make it long-lived first; if it is younger than 24 hours, wait; if it has expired, log in again.',
      'Threads says: The access token must be at least 24 hours old before it can be refreshed.']);
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'paste-problem');
    await visit.picture('error');
  });

  test('a pasted token is inspected', async (visit) => {
    await visit.login();
    await visit.getLong();
    const long = await visit.tokenIn('long');
    await visit.button('Start again').click();
    await visit.paste(` ${long}\n`, 'Inspect');
    await visit.heading('Inspection').waitFor();
    await visit.sees('A long-lived token in good health. It can be refreshed once it is 24 hours old.');
    await visit.sees('@sandbox.user');
    const card = visit.page.locator('#inspection');
    assert.deepEqual(await Promise.all(['Valid', 'Type', 'Application', 'Permissions', 'User id'].map((term) => visit.value(term, card))),
      ['Yes', 'USER', 'Threads Sandbox', 'threads_basic, threads_content_publish', userId]);
    await visit.picture('inspection', { fullPage: true });
  });

  test('a pasted short-lived token is inspected and made a long-lived one', async (visit) => {
    await visit.login();
    const short = await visit.tokenIn('short');
    await visit.button('Start again').click();
    await visit.paste(short, 'Inspect');
    await visit.sees('A short-lived token. It cannot be refreshed; get a long-lived token for it before it expires.');
    await visit.getLong();
    assert.match(await visit.tokenIn('pasted-long'), /^THQV/);
  });

  test('an unknown token is called so', { fails: ['/debug-token'] }, async (visit) => {
    await visit.open();
    await visit.paste('THQVnosuchtoken', 'Inspect');
    assert.match((await visit.problem()).join(' '), /Threads does not know this token/);
  });

  it.end();
});

describe('against a scripted Threads', () => {
  const it = rig({ scripted: true });
  const { test } = it;

  test('a pasted long-lived token is refreshed', async (visit) => {
    await visit.open();
    await visit.paste(token, 'Refresh');
    await visit.heading('Refreshed token').waitFor();
    assert.equal(await visit.tokenIn('pasted-long'), otherToken);
    assert.match(await visit.value('Expires'), /\n(60 days|59 days, 23 hours) left/);
    const [asked] = visit.upstream.requests;
    assert.deepEqual([asked.path, new URLSearchParams(asked.query).get('access_token')], ['/refresh_access_token', token]);
  });

  // The first is beyond 2^53 but even, so Number could hold it by chance; the second it could not.
  for (const id of [userId, '17841405793187221']) {
    test(`a user_id that is a number keeps its digits: ${id}`, {
      answers: { '/oauth/access_token': { body: `{"access_token":"${token}","user_id":${id}}` } },
    }, async (visit) => {
      await visit.login();
      assert.equal(await visit.value('User id'), id);
    });
  }

  test('a token goes to the server in a header, never in an address', async (visit) => {
    await visit.open();
    await visit.paste(token, 'Refresh');
    await visit.heading('Refreshed token').waitFor();
    const request = visit.requests.find((r) => r.url().includes('/refresh-access-token'));
    assert.equal(request.url(), `${visit.site}/refresh-access-token`);
    assert.equal((await request.allHeaders()).authorization, `Bearer ${token}`);
  });

  test('what was pasted is masked until "Show" is pressed, and not offered to be kept', async (visit) => {
    await visit.open();
    const input = visit.page.getByLabel('Token', { exact: true });
    const masked = () => input.evaluate((e) => getComputedStyle(e).webkitTextSecurity);
    await input.fill(token);
    assert.equal(await masked(), 'disc');
    await visit.button('Show Token').click();
    assert.equal(await masked(), 'none');
    assert.deepEqual([await input.getAttribute('autocomplete'), await input.getAttribute('name')], ['off', null]);
  });

  test('Enter in the field inspects', async (visit) => {
    await visit.open();
    const input = visit.page.getByLabel('Token', { exact: true });
    await input.fill(token);
    await input.press('Enter');
    await visit.sees('A long-lived token in good health. It can be refreshed now.');
  });

  test('a token that was revoked is called so', {
    answers: { '/v1.0/debug_token': { body: inspected({ issued: now() - day, expires: now() + day, valid: false }) } },
  }, async (visit) => {
    await visit.open();
    await visit.paste(token, 'Inspect');
    await visit.sees('Threads does not accept this token: it may have been revoked. Log in again.');
    assert.equal(await visit.value('Valid', visit.page.locator('#inspection')), 'No');
  });

  test('pasting nothing, an address or an app’s token: a sentence, and nothing is sent', async (visit) => {
    await visit.open();
    const cases = { '  ': 'Paste a token first.', [`${visit.site}/auth/callback?code=x#_`]: 'This is an address, not a token.', 'TH|1|x': 'This is an app’s token, not a person’s.', 'a b': 'This does not look like a token.' };
    for (const [text, sentence] of Object.entries(cases)) {
      await visit.paste(text, 'Refresh');
      await visit.sees(sentence);
    }
    assert.deepEqual(visit.upstream.requests, []);
  });

  test('Copy copies the token and says so', clipboard, async (visit) => {
    await visit.login();
    await visit.button('Copy: Short-lived token').click();
    await visit.button('Copied').waitFor();
    assert.equal(await copied(visit), token);
    await visit.page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
  });

  test('Copy works without TLS too, where a page has no clipboard of its own', {
    refusals: /Cross-Origin-Opener-Policy header has been ignored/,
  }, async (visit) => {
    visit.site = visit.site.replace('localhost', 'plain.test');
    await visit.open();
    assert.equal(await visit.page.evaluate(() => isSecureContext), false);
    await visit.paste(token, 'Refresh');
    await visit.button('Copy: Refreshed token').click();
    await visit.button('Copied').waitFor();
  });

  test('the curl line does the same and holds no token', clipboard, async (visit) => {
    await visit.login();
    await visit.getLong();
    const card = visit.page.locator('#long');
    await card.getByText('The same with curl').click();
    await visit.button('Copy: Long-lived token, curl').click();
    await visit.page.locator('#long .curl .copy.done').waitFor();
    const lines = await copied(visit);
    assert.equal(lines, curl.token(visit.site, '/long-lived-access-token'));
    assert.ok(!lines.includes(otherToken));
  });

  test('a token that has run out while the page was open says so', async (visit) => {
    await visit.page.clock.install();
    await visit.login();
    await visit.page.clock.fastForward('01:00:30');
    await visit.page.locator('#short .expires').getByText('expired', { exact: true }).waitFor();
  });

  test('the account’s picture is the one thing that may come from elsewhere', {
    others: ['https://pictures.example'],
    answers: { '/v1.0/me': { body: '{"id":"1","username":"jo","name":"Jo","threads_profile_picture_url":"https:\\/\\/pictures.example\\/jo.svg?sig=1"}' } },
  }, async (visit) => {
    await visit.context.route('https://pictures.example/**', (route) => route.fulfill({ contentType: 'image/svg+xml', body: '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>' }));
    await visit.login();
    const picture = visit.page.getByRole('img', { name: 'Profile picture of Jo' });
    await picture.evaluate((image) => image.decode());
    const request = visit.requests.find((r) => r.url().startsWith('https://pictures.example'));
    assert.equal(request.url(), 'https://pictures.example/jo.svg?sig=1');
    assert.equal((await request.allHeaders()).referer, undefined);
  });

  test('a picture that is no https address is not loaded', {
    answers: { '/v1.0/me': { body: '{"id":"1","username":"jo","threads_profile_picture_url":"http://pictures.example/jo.png"}' } },
  }, async (visit) => {
    await visit.login();
    assert.equal(await visit.page.locator('.face img').count(), 0);
  });

  test('HTML in names and in a token’s data is shown as text', {
    answers: {
      '/v1.0/me': { body: JSON.stringify({ id: '1', username: '<i>jo</i>', name: '<img src=x onerror=alert(1)>' }) },
      '/v1.0/debug_token': { body: JSON.stringify({ data: { type: '<u>T</u>', application: '<script>1</script>', is_valid: true, scopes: ['<b>s</b>'] } }) },
    },
  }, async (visit) => {
    await visit.open();
    await visit.paste(token, 'Inspect');
    await visit.sees('@<i>jo</i>');
    for (const text of ['<img src=x onerror=alert(1)>', '<u>T</u>', '<script>1</script>', '<b>s</b>']) await visit.sees(text);
    assert.equal(await visit.page.locator('#inspection :is(i:not(.thread *), b, u, script, img)').count(), 0);
  });

  it.end();
});
