// The login, as a person goes through it, against the sandbox.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { rig, together } from '../lib/browser.mjs';
import { appId, code } from '../lib/canaries.mjs';

describe('the login', together, () => {
  const it = rig();
  const { test } = it;
  const lost = async (visit) => {
    assert.equal(visit.page.url(), `${visit.site}/auth/callback`);
    assert.equal(visit.sent('/access-token'), 0);
  };

  // Its picture is the README's: cp page.png deploy/
  test('a login ends with a token, its lifetime and whose account it is', { viewport: { width: 820, height: 900 } }, async (visit) => {
    await visit.open();
    assert.equal((await visit.page.title()), 'Login with Threads');
    await visit.button('Login with Threads').click();
    const consent = visit.page.getByRole('heading', { name: 'Allow this app to use your account?' });
    await consent.waitFor();
    const asked = new URL(visit.page.url());
    const { state, ...others } = Object.fromEntries(asked.searchParams);
    assert.deepEqual(others, {
      client_id: appId, redirect_uri: `${visit.site}/auth/callback`, response_type: 'code', scope: 'threads_basic,threads_content_publish',
    });
    assert.match(state, /^[0-9a-f]{32,}$/);

    await visit.button('Allow').click();
    await visit.heading('Short-lived token').waitFor();
    assert.match(await visit.tokenIn('short'), /^THQV.{100}/);
    assert.match(await visit.value('Expires'), /\d{4}.*\n(1 hour|59 minutes) left/);
    await visit.sees('@sandbox.user');
    await visit.sees('Zoë Sandbox');
    assert.equal(await visit.page.getByRole('img', { name: 'Profile picture of Zoë Sandbox' }).count(), 1);
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'short-heading');
    await visit.page.getByRole('img').last().evaluate((image) => image.decode());
    await visit.picture('page', { fullPage: true });
  });

  test('the code is out of the address bar and of the history', async (visit) => {
    await visit.login();
    assert.equal(visit.page.url(), `${visit.site}/auth/callback`);
    const addresses = (await visit.history()).filter((url) => url.startsWith(visit.site));
    assert.deepEqual(addresses, [`${visit.site}/auth`, `${visit.site}/auth/callback`]);
    const [arrival] = visit.requests.filter((r) => r.url().startsWith(`${visit.site}/auth/callback?`));
    assert.match(arrival.url(), /[?&]code=AQ/, 'there was a code to take out');
  });

  test('the page says that it runs against the sandbox', async (visit) => {
    await visit.open();
    await visit.page.getByText('This is a rehearsal.').waitFor();
    await visit.picture('start');
  });

  test('a login works in the keyboard alone', async (visit) => {
    const { page } = visit;
    const reach = async (name) => {
      for (let presses = 0; presses < 12; presses += 1) {
        await page.keyboard.press('Tab');
        const here = await page.evaluate(() => {
          const { innerText, ariaLabel } = document.activeElement;
          return { name: ariaLabel || innerText, ring: getComputedStyle(document.activeElement).outlineStyle };
        });
        if (here.name !== name) continue;
        assert.equal(here.ring, 'solid', `${name} shows that it has the focus`);
        return page.keyboard.press('Enter');
      }
      throw new Error(`Tab does not lead to ${name}`);
    };
    const focused = () => page.evaluate(() => document.activeElement.id);
    await visit.open();
    await reach('Login with Threads');
    await visit.button('Allow').waitFor();
    await reach('Allow');
    await visit.heading('Short-lived token').waitFor();
    assert.equal(await focused(), 'short-heading');
    await reach('Copy: Short-lived token');
    await page.locator('#short .copy.done').waitFor();
    await reach('Get Long-Lived Access Token');
    await visit.heading('Long-lived token').waitFor();
    assert.equal(await focused(), 'long-heading');
  });

  test('"Start again" forgets the tokens', async (visit) => {
    await visit.login();
    const token = await visit.tokenIn('short');
    await visit.button('Start again').click();
    await visit.button('Login with Threads').waitFor();
    assert.ok(!(await visit.page.content()).includes(token));
  });

  test('a denial is shown as text, and nothing is sent', async (visit) => {
    await visit.startLogin();
    await visit.button('Deny').click();
    assert.deepEqual(await visit.problem(), ['You were not logged in.', 'Threads says: The user denied your request']);
    await lost(visit);
    await visit.picture('denial');
  });

  // The callback of a denial in the tab whose login is under way. `state` makes the state of the address from the login's.
  const denied = async (visit, description, state) => {
    await visit.startLogin();
    await visit.button('Allow').waitFor();
    const query = new URLSearchParams({ error: 'access_denied', error_description: description });
    const its = state(new URL(visit.page.url()).searchParams.get('state'));
    if (its !== null) query.set('state', its);
    await visit.open(`/auth/callback?${query}`);
    const lines = await visit.problem();
    await lost(visit);
    return lines;
  };

  test('HTML in a denial is shown as text and makes no element', async (visit) => {
    const html = '<img src="/static/evil.png" onerror="document.title=1"><script>document.title=2</script><b>no</b>';
    assert.deepEqual(await denied(visit, html, (state) => state), ['You were not logged in.', `Threads says: ${html}`]);
    assert.equal(await visit.page.locator('#login-problem :not(p)').count(), 0);
    assert.equal(await visit.page.title(), 'Login with Threads');
    assert.equal(visit.sent('/static/evil.png'), 0);
  });

  const words = 'Your account is locked. Call 555-0100.';
  const absent = async (visit) => assert.ok(!(await visit.page.content()).includes('555'));

  test('a denial without a state is told in the page’s own words', async (visit) => {
    assert.deepEqual(await denied(visit, words, () => null),
      ['You were not logged in.', 'Threads reports that the login was denied.']);
    await absent(visit);
  });

  test('a denial with a wrong state is not shown', async (visit) => {
    assert.match((await denied(visit, words, () => '0'.repeat(48)))[0], /^This login is not the one that this tab started/);
    await absent(visit);
  });

  for (const state of ['', `&state=${'0'.repeat(48)}`]) {
    test(`a link with a denial ${state ? 'and a state ' : ''}cannot put words onto the page`, async (visit) => {
      await visit.open(`/auth/callback?error=access_denied&error_description=${encodeURIComponent(words)}${state}`);
      assert.match((await visit.problem())[0], /^This login was not started in this tab/);
      await absent(visit);
      await lost(visit);
    });
  }

  test('a denied login of threads-token is told in the page’s own words', async (visit) => {
    await visit.open(`/auth/callback?error=access_denied&error_description=${encodeURIComponent(words)}&state=threads-token-${'0'.repeat(32)}`);
    assert.deepEqual(await visit.problem(), ['You were not logged in.', 'Threads reports that the login was denied.']);
    await absent(visit);
  });

  test('the words of a denial are Chinese too', { locale: 'zh-TW' }, async (visit) => {
    await visit.open('/auth/callback?error=access_denied&state=threads-token-0');
    assert.deepEqual(await visit.problem(), ['你沒有登入。', 'Threads 回報這次登入遭到拒絕。']);
  });

  test('a callback without a state sends nothing', async (visit) => {
    await visit.open(`/auth/callback?code=${code}`);
    assert.deepEqual(await visit.problem(), [
      'This login could not be checked, so nothing was sent.',
      'The address came back without its state. Start the login again from this page.']);
    await lost(visit);
    assert.equal(await visit.page.evaluate(() => document.activeElement.id), 'login-problem');
  });

  test('a callback with a wrong state sends nothing', async (visit) => {
    await visit.startLogin();
    await visit.button('Allow').waitFor();
    await visit.open(`/auth/callback?code=${code}&state=${'0'.repeat(48)}`);
    assert.deepEqual(await visit.problem(), [
      'This login is not the one that this tab started, so nothing was sent.',
      'Somebody may have given you the link, or a second login overtook it. Start again.']);
    await lost(visit);
  });

  test('a wrong state uses the right one up', async (visit) => {
    await visit.startLogin();
    await visit.button('Allow').waitFor();
    const state = new URL(visit.page.url()).searchParams.get('state');
    await visit.open(`/auth/callback?code=${code}&state=wrong`);
    await visit.problem();
    await visit.open(`/auth/callback?code=${code}&state=${state}`);
    assert.match((await visit.problem())[0], /not started in this tab, or was finished already, so nothing was sent/);
    await lost(visit);
  });

  test('a callback that was used already sends nothing again', async (visit) => {
    await visit.login();
    const callback = visit.requests.map((r) => r.url()).find((url) => url.includes('/auth/callback?'));
    assert.equal(visit.sent('/access-token'), 1);
    await visit.page.goto(callback);
    assert.match((await visit.problem())[0], /finished already, so nothing was sent/);
    assert.equal(visit.sent('/access-token'), 1);
  });

  test('a login that another tab started sends nothing', async (visit) => {
    await visit.startLogin();
    await visit.button('Allow').waitFor();
    const state = new URL(visit.page.url()).searchParams.get('state');
    visit.page = await visit.context.newPage();
    await visit.open(`/auth/callback?code=${code}&state=${state}`);
    assert.match((await visit.problem())[0], /not started in this tab/);
    await lost(visit);
  });

  test('a reload of the callback sends nothing again', async (visit) => {
    await visit.login();
    await visit.page.reload();
    await visit.button('Login with Threads').waitFor();
    assert.equal(await visit.page.locator('.problem:visible').count(), 0);
    assert.equal(visit.sent('/access-token'), 1);
  });

  test('going back and forward sends nothing again, and a new login works', async (visit) => {
    await visit.login();
    await visit.page.goBack();
    await visit.button('Allow').waitFor();
    await visit.page.goForward();
    await visit.button('Login with Threads').waitFor();
    assert.equal(visit.page.url(), `${visit.site}/auth/callback`);
    assert.equal(visit.sent('/access-token'), 1);
    await visit.login();
    assert.equal(visit.sent('/access-token'), 2);
  });

  test('back from the consent page the button works again', async (visit) => {
    await visit.startLogin();
    await visit.button('Allow').waitFor();
    await visit.page.goBack();
    await visit.login();
  });

  test('the page shown again from the browser’s memory has a button that works', async (visit) => {
    await visit.page.route(`${visit.threads}/**`, (route) => route.abort('aborted'));
    await visit.startLogin();
    await visit.sees('Opening Threads…');
    await visit.page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await visit.page.unroute(`${visit.threads}/**`);
    await visit.button('Login with Threads').click();
    await visit.button('Allow').waitFor();
  });

  test('two clicks on the login start one', async (visit) => {
    await visit.open();
    await visit.button('Login with Threads').dblclick();
    await visit.button('Allow').waitFor();
    assert.equal(visit.requests.filter((r) => r.url().startsWith(`${visit.threads}/oauth/authorize`)).length, 1);
  });

  test('without JavaScript the page says what it needs', { javaScriptEnabled: false }, async (visit) => {
    await visit.open();
    await visit.sees('This page needs JavaScript.');
    await visit.page.goto('about:blank');
  });

  it.end();
});
