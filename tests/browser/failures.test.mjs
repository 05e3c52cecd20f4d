// Whatever goes wrong behind the page is told in a sentence, and the page stays usable.
import assert from 'node:assert/strict';
import { graphError, rig, threads } from '../lib/browser.mjs';
import { code, token } from '../lib/canaries.mjs';
import { startNginx } from '../lib/servers.mjs';

const it = rig({ scripted: true });
const { test } = it;
const exchange = (answer) => ({ answers: { '/oauth/access_token': answer }, fails: ['/access-token'] });
const again = 'An authorization code works once: start the login again.';

async function loginFails(visit) {
  await visit.startLogin();
  const lines = await visit.problem();
  assert.equal(visit.page.url(), `${visit.site}/auth/callback`);
  assert.equal(visit.sent('/access-token'), 1);
  await visit.button('Login with Threads').waitFor();
  assert.equal(await visit.button('Login with Threads').getAttribute('aria-disabled'), 'false');
  return lines;
}

test('Threads in trouble (502)', exchange({ status: 503, body: '<html>maintenance' }), async (visit) => {
  const [sentence, hint] = await loginFails(visit);
  assert.equal(sentence, 'Threads answered with status 503.');
  assert.equal(hint, again);
});

test('Threads does not answer in time (504)', exchange({ hang: true }), async (visit) => {
  const [sentence, hint] = await loginFails(visit);
  assert.match(sentence, /time/);
  assert.equal(hint, again);
});

test('Threads breaks the connection (502)', exchange({ reset: true }), async (visit) => {
  assert.match((await loginFails(visit))[0], /Threads/);
});

test('Threads asks to wait (429 with Retry-After): for how long', exchange(graphError(429, 'Slow down', { 'Retry-After': '17' })), async (visit) => {
  const lines = await loginFails(visit);
  assert.equal(lines[0], 'Too many requests for this app or this person.');
  assert.ok(lines.includes('Threads says: Slow down'), lines.join('\n'));
  assert.ok(lines.includes('Try again in 17 seconds.'), lines.join('\n'));
});

test('Threads refuses the code (400): its sentence and what to do', exchange(
  { status: 400, body: '{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}' },
), async (visit) => {
  const lines = await loginFails(visit);
  assert.equal(lines[0], 'The authorization code was used already, or is over an hour old.');
  assert.match(lines[2], /^Log in again/);
  assert.equal(lines.at(-1), 'Threads says: Matching code was not found or was already used');
});

test('a refusal that holds HTML and the code is shown as text without the code', exchange(
  graphError(400, `<b>Bad</b> ${code} </script>`),
), async (visit) => {
  const [sentence] = await loginFails(visit);
  assert.match(sentence, /^<b>Bad<\/b> .* <\/script>$/);
  assert.ok(!(await visit.page.content()).includes(code));
  assert.equal(await visit.page.locator('.problem b').count(), 0);
});

test('after a failure the next login works', exchange(graphError(400, 'No')), async (visit) => {
  await loginFails(visit);
  visit.upstream.answers(threads());
  await visit.login();
});

test('the account cannot be asked for: the token is shown all the same', {
  answers: { '/v1.0/me': graphError(500, 'x') }, fails: ['/me'],
}, async (visit) => {
  await visit.startLogin();
  const [first, second] = await visit.problem();
  assert.equal(first, 'Whose account it is could not be found out.');
  assert.match(second, /Threads/);
  assert.equal(await visit.tokenIn('short'), token);
});

test('the long-lived token is refused: the short-lived one stays, and a second try works', {
  answers: { '/access_token': graphError(400, 'Not now') }, fails: ['/long-lived-access-token'],
}, async (visit) => {
  await visit.login();
  await visit.button('Get Long-Lived Access Token').click();
  assert.equal((await visit.problem())[0], 'Not now');
  assert.equal(await visit.tokenIn('short'), token);
  visit.upstream.answers(threads());
  await visit.getLong();
  assert.equal(await visit.page.locator('.problem:visible').count(), 0);
});

test('a reload while the code is being exchanged does not send it again', { answers: { '/oauth/access_token': { hang: true } } }, async (visit) => {
  await visit.startLogin();
  await visit.sees('Getting the short-lived token…');
  assert.equal(visit.page.url(), `${visit.site}/auth/callback`, 'the address is clean before the answer is there');
  await visit.page.reload();
  await visit.button('Login with Threads').waitFor();
  assert.equal(visit.sent('/access-token'), 1);
});

test('the program is down: nginx’s own 502 is a sentence too', async (visit) => {
  const { url } = await startNginx(it.stage, { socket: it.stage.path('nobody.sock') });
  Object.assign(visit, { site: url, fails: ['/config', '/refresh-access-token'] });
  await visit.startLogin();
  assert.deepEqual(await visit.problem(), ['The login service is not running']);
  await visit.paste(token, 'Refresh');
  await visit.page.locator('#paste-problem').getByText('The login service is not running').waitFor();
});

test('too many requests: nginx’s own 429 says when to come back', async (visit) => {
  const { url } = await startNginx(it.stage, { socket: it.socket });
  Object.assign(visit, { site: url, fails: ['/me', '/refresh-access-token'] });
  await visit.open();
  await visit.page.getByLabel('Token', { exact: true }).fill(token);
  // The limit lets one through each 100 ms, so a slow machine may miss the moment.
  const refused = visit.page.locator('.problem:visible');
  for (let tries = 0; tries < 5 && !(await refused.isVisible()); tries += 1) {
    await visit.page.evaluate(async () => {
      await Promise.all(Array.from({ length: 40 }, () => fetch('/me')));
      while ((await fetch('/me')).status !== 429);
      document.getElementById('refresh').click();
    });
    await refused.or(visit.heading('Refreshed token')).first().waitFor();
  }
  assert.deepEqual(await visit.problem(), ['Too many requests, try again in a second', 'Try again in 1 second.']);
});

test('the network is gone: a sentence', { refusals: /ERR_INTERNET_DISCONNECTED/ }, async (visit) => {
  await visit.open();
  await visit.page.locator('#app-id:not(:text("…"))').waitFor({ state: 'attached' });
  await visit.context.setOffline(true);
  await visit.paste(token, 'Inspect');
  assert.deepEqual(await visit.problem(), ['The server could not be reached.', 'Look at your connection, then try again.']);
  await visit.context.setOffline(false);
});

it.end();
