// The page for everybody: axe-core finds nothing in any state, light or dark, and it fits a phone.
import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { rig, together } from '../lib/browser.mjs';

describe('the page for everybody', together, () => {
  const it = rig();
  const { test } = it;
  const unfold = async (visit) => {
    const folded = visit.page.locator('details:not([open]) > summary:visible');
    while (await folded.count() > 0) await folded.first().click();
  };

  // The consent page is Threads' own, and has one language.
  const translate = async (visit) => {
    if (await visit.page.locator('#switch').count() === 0) return false;
    await visit.button('繁體中文').click();
    await visit.page.locator('html[lang="zh-TW"]').waitFor();
    return true;
  };

  // The page's states: how to get there, from a fresh start.
  const states = {
    start: { reach: (visit) => visit.open() },
    'consent page': { reach: async (visit) => { await visit.startLogin(); await visit.button('Allow').waitFor(); } },
    tokens: { reach: async (visit) => { await visit.login(); await visit.getLong(); } },
    denial: { reach: async (visit) => { await visit.startLogin(); await visit.button('Deny').click(); await visit.problem(); } },
    'set-up not possible': {
      reach: async (visit) => {
        await visit.page.route('**/config', (route) => route.fulfill({ json: { app_id: 'x', auth_url: 'https://threads.net/oauth/authorize', scope: 'threads_basic,threads_new', sandbox: false } }));
        await visit.open();
        await visit.page.locator('#setup-wrong:not(.away)').waitFor();
      },
    },
    explained: {
      reach: async (visit) => {
        await visit.open();
        await visit.page.locator('#report summary').click();
        await visit.page.locator('#report-text').fill('{"error_message":"URL Blocked","error_code":1349168}');
        await visit.button('Explain').click();
        await visit.problem();
      },
    },
    'back to threads-token': { reach: (visit) => visit.open(`/auth/callback?code=AQB${'x'.repeat(120)}&state=threads-token-0#_`) },
    error: { fails: ['/refresh-access-token'], reach: async (visit) => { await visit.open(); await visit.paste('THQVunknown', 'Refresh'); await visit.problem(); } },
    inspection: {
      reach: async (visit) => {
        await visit.login();
        const token = await visit.tokenIn('short');
        await visit.button('Start again').click();
        await visit.paste(token, 'Inspect');
        await visit.page.locator('#inspected-account .username:not(:empty)').waitFor();
      },
    },
  };

  for (const [name, { reach, fails }] of Object.entries(states)) {
    test(`axe-core finds nothing: ${name}, light and dark, in both languages`, { fails }, async (visit) => {
      await reach(visit);
      await unfold(visit);
      await visit.accessible();
      await visit.picture(`dark-${name.replaceAll(' ', '-')}`, { fullPage: true });
      if (!await translate(visit)) return;
      await visit.accessible();
      await visit.picture(`dark-${name.replaceAll(' ', '-')}-zh`, { fullPage: true });
    });

    test(`no sideways scrolling at 320 pixels: ${name}`, { fails, viewport: { width: 320, height: 568 } }, async (visit) => {
      await reach(visit);
      await unfold(visit);
      const measure = () => visit.page.evaluate(() => {
        const root = document.documentElement;
        const out = [...document.body.querySelectorAll('*')].filter((e) => (
          e.checkVisibility() && !e.closest('pre, .unseen') && e.getBoundingClientRect().right > root.clientWidth + 0.5));
        return { width: root.scrollWidth, out: out.map((e) => e.outerHTML.slice(0, 80)) };
      });
      assert.deepEqual(await measure(), { width: 320, out: [] });
      if (await translate(visit)) assert.deepEqual(await measure(), { width: 320, out: [] }, 'in Chinese');
    });
  }

  test('axe-core finds nothing while the page waits', async (visit) => {
    await visit.page.route('**/oauth/authorize?*', (route) => route.abort('aborted'));  // the page stays
    await visit.startLogin();
    await visit.sees('Opening Threads…');
    assert.equal(await visit.button('Login with Threads').getAttribute('aria-disabled'), 'true');
    await visit.accessible();
    await visit.page.goto('about:blank');  // else the begun login's state would be found
  });

  test('a login on a phone, by touch', { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }, async (visit) => {
    await visit.open();
    assert.equal(await visit.page.evaluate(() => innerWidth), 390);
    const { y, height, width } = await visit.button('Login with Threads').boundingBox();
    assert.ok(y + height < 844, 'the button is there without scrolling');
    assert.ok(height >= 44 && width > 300, 'and made for a thumb');
    await visit.button('Login with Threads').tap();
    await visit.button('Allow').tap();
    await visit.heading('Short-lived token').waitFor();
    await visit.button('Get Long-Lived Access Token').tap();
    await visit.heading('Long-lived token').waitFor();
    assert.equal(await visit.page.evaluate(() => document.documentElement.scrollWidth), 390);
    await visit.picture('phone', { fullPage: true });
  });

  test('twice the text size loses nothing', { viewport: { width: 640, height: 400 } }, async (visit) => {
    await visit.open();
    const { page } = visit;
    await page.evaluate(() => { document.documentElement.style.fontSize = '200%'; });
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 640);
  });

  test('the order of headings and the landmarks', async (visit) => {
    await visit.login();
    await visit.getLong();
    const headings = await visit.page.locator('h1:visible, h2:visible, h3:visible').evaluateAll((all) => all.map((h) => `${h.tagName} ${h.innerText}`));
    assert.deepEqual(headings, ['H1 Get a Threads token', 'H2 Short-lived token', 'H2 Long-lived token']);
    for (const role of ['main', 'banner']) assert.equal(await visit.page.getByRole(role).count(), 1, role);
  });

  it.end();
});
