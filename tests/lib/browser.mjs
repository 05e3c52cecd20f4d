// Browser tests: Chromium before real nginx, program and sandbox (or a scripted Threads). Whatever
// a test looks at, each visit is also held to what the page always promises: see #judge.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { assertNoCanary, assertNothingLeaked, appSecret, clientSecret, code, otherToken, token } from './canaries.mjs';
import { npm } from './npm.mjs';
import { startNginx, startProgram, startSandbox, writeEnv } from './servers.mjs';
import { freePort, Stage } from './stage.mjs';
import { Upstream } from './upstream.mjs';

const { chromium } = npm('playwright-core');
const axe = fs.readFileSync(npm.resolve('axe-core/axe.min.js'), 'utf8');

export const userId = '17841405793187219';
export const day = 86_400;

// For describe(): visits against the sandbox do not meet, so two of them run at a time.
export const together = { concurrency: 2 };

function launch() {
  const asRoot = process.getuid() === 0;
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    chromiumSandbox: !asRoot,
    args: ['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      // No name but these leads anywhere. plain.test is a page that came without TLS.
      '--host-resolver-rules=MAP plain.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1'],
  });
}

// The scripted Threads: a window that consents by itself, and an API; `answers` replaces answers by path.
export function threads(answers = {}) {
  const now = Math.floor(Date.now() / 1000);
  const long = { body: JSON.stringify({ access_token: otherToken, token_type: 'bearer', expires_in: 60 * day }) };
  const all = {
    '/oauth/authorize': ({ query }) => {
      const asked = new URLSearchParams(query);
      const answer = new URLSearchParams({ code, state: asked.get('state') });
      return { status: 302, headers: { Location: `${asked.get('redirect_uri')}?${answer}#_` } };
    },
    '/oauth/access_token': { body: `{"access_token":"${token}","user_id":${userId}}` },
    '/access_token': long,
    '/refresh_access_token': long,
    '/v1.0/me': { body: `{"id":"${userId}","username":"jo","name":"Jo Canary"}` },
    '/v1.0/debug_token': { body: inspected({ issued: now - 30 * day, expires: now + 30 * day }) },
    ...answers,
  };
  return (request) => {
    const answer = all[request.path] ?? { status: 404, body: '{}' };
    return typeof answer === 'function' ? answer(request) : answer;
  };
}

export const inspected = ({ issued, expires, valid = true }) => `{"data":{"type":"USER","application":"Canary","is_valid":${valid},`
  + `"issued_at":${issued},"expires_at":${expires},"scopes":["threads_basic"],"user_id":${userId}}}`;

export const graphError = (status, message, headers = {}) => (
  { status, headers, body: JSON.stringify({ error: { message, type: 'OAuthException', code: 999 } }) });

// To be called once by a test file. The tests go through its `test`; `end` is to be the last.
export function rig({ scripted = false } = {}) {
  const it = { stage: new Stage(), secrets: new Set() };

  before(async () => {
    const { stage } = it;
    if (scripted) {
      it.upstream = await Upstream.start(stage);
      it.threads = it.upstream.url;
    } else {
      it.sandboxPort = await freePort();
      it.threads = `http://127.0.0.1:${it.sandboxPort}`;
    }
    const envFile = writeEnv(stage, {
      THREADS_API_URL: it.threads, THREADS_AUTH_URL: `${it.threads}/oauth/authorize`, THREADS_TIMEOUT: '1',
    });
    const program = await startProgram(stage, { envFile });
    const sandbox = scripted ? null : await startSandbox(stage, { envFile });
    const nginx = await startNginx(stage, {
      socket: program.address.path, sandboxSocket: sandbox?.address.path, sandboxPort: it.sandboxPort,
    });
    it.site = nginx.url;
    it.socket = program.address.path;
    it.browser = await launch();
  });
  after(async () => {
    await it.browser?.close();
    await it.stage.close();
  });

  const runs = [];
  const perform = async (body, options) => {
    it.upstream?.answers(threads(options.answers));
    const visit = await Visit.start(it, options);
    try {
      await body(visit);
      await visit.judge();
    } finally {
      await visit.context.close();
    }
  };
  it.test = (name, ...rest) => {
    const body = rest.pop();
    const options = rest.pop() ?? {};
    test(name, () => {
      const run = perform(body, options);
      runs.push(run);
      return run;
    });
  };
  it.end = () => test('no secret, code or token of these tests is in a log or a command line', async () => {
    await Promise.allSettled(runs);
    assertNothingLeaked(it.stage);
    if (!scripted) assert.ok(it.secrets.size > 0, 'the tests have seen codes and tokens');
    for (const [log, text] of [...it.stage.logs(), ...it.stage.commandLines()]) {
      for (const secret of it.secrets) assert.ok(!text.includes(secret), `${secret} is in ${log}`);
    }
  });
  return it;
}

// One test's own browser profile, and what went on in it. Options: `answers` of the scripted Threads;
// `fails`, the paths whose failure is part of the test; `others`, origins besides the site's and
// Threads' that belong to it; `refusals`, a pattern of the browser's own messages that are to come;
// the rest is for newContext.
class Visit {
  static async start(the, { answers, fails = [], others = [], refusals, ...options }) {
    const visit = Object.assign(new Visit(), {
      site: the.site, threads: the.threads, upstream: the.upstream, secrets: the.secrets,
      fails, others, refusals, requests: [], complaints: [], pending: [],
    });
    visit.context = await the.browser.newContext({ locale: 'en-GB', timezoneId: 'UTC', viewport: { width: 1280, height: 800 }, ...options });
    visit.context.setDefaultTimeout(15_000);
    visit.context.on('request', (request) => visit.#saw(request));
    visit.context.on('requestfinished', (request) => {
      const judged = visit.#finished(request);
      judged.catch(() => {});  // judge() is the one to tell
      visit.pending.push(judged);
    });
    visit.context.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) visit.complaints.push({ text: message.text(), url: message.location().url });
    });
    visit.context.on('weberror', (error) => visit.complaints.push({ text: String(error.error()), url: '' }));
    visit.page = await visit.context.newPage();
    return visit;
  }

  #saw(request) {
    this.requests.push(request);
    const found = new URL(request.url()).searchParams.get('code');
    if (found) this.#secret(found.replace(/#_$/, ''));
  }

  async #finished(request) {
    const { referer } = await request.allHeaders();
    assert.ok(!referer?.startsWith(this.site), `the page sent a Referer to ${request.url()}: ${referer}`);
    if (!request.url().startsWith(this.site)) return;
    const body = await (await request.response()).text().catch(() => '');  // a redirect has none
    for (const secret of [appSecret, clientSecret]) assert.ok(!body.includes(secret), `${request.url()} gave an app's secret away`);
    const sent = /"access_token":\s*"([^"]+)"/.exec(body)?.[1];
    if (sent) this.#secret(sent);
  }

  #secret(text) {
    if (text.length >= 16) this.secrets.add(text);
  }

  // What holds at the end of every test.
  async judge() {
    await Promise.all(this.pending);
    this.#judgeRequests();
    this.#judgeComplaints();
    for (const page of this.context.pages()) await this.#judgePage(page);
    assert.deepEqual(await this.context.cookies(this.site), [], 'cookies');
  }

  #judgeRequests() {
    for (const request of this.requests) {
      const url = new URL(request.url());
      const navigation = request.isNavigationRequest();
      const known = url.origin === this.site || this.others.includes(url.origin) || (navigation && url.origin === this.threads)
        || url.protocol === 'chrome-error:';
      assert.ok(known, `something came from elsewhere: ${url}`);
      if (navigation || url.origin !== this.site) continue;
      for (const secret of [...this.secrets, 'canary0']) assert.ok(!url.href.includes(secret), `a secret in an address: ${url}`);
    }
  }

  #judgeComplaints() {
    const failed = new Set();
    let refused = !this.refusals;
    const left = this.complaints.filter(({ text, url }) => {
      const fails = /^Failed to load resource/.test(text) && this.fails.find((p) => url === this.site + p);
      if (fails) failed.add(fails);
      const expected = this.refusals?.test(text);
      refused ||= expected;
      return !fails && !expected;
    });
    assert.deepEqual(left, [], 'errors in the console');
    assert.deepEqual([...failed].sort(), [...this.fails].sort(), 'what was to fail has failed');
    assert.ok(refused, `the browser has refused: ${this.refusals}`);
    for (const { text } of this.complaints) assertNoCanary(text, 'the console');
  }

  async #judgePage(page) {
    if (!page.url().startsWith(this.site)) return;
    const kept = await page.evaluate(async () => ({
      local: Object.keys(localStorage),
      session: Object.keys(sessionStorage),
      databases: (await indexedDB.databases()).map(({ name }) => name),
      caches: globalThis.caches ? await caches.keys() : [],
      workers: navigator.serviceWorker ? (await navigator.serviceWorker.getRegistrations()).length : 0,
      name: window.name,
    }));
    assert.deepEqual(kept, { local: [], session: [], databases: [], caches: [], workers: 0, name: '' }, 'kept in the browser');
    for (const url of [page.url(), ...await this.history(page)]) {
      if (!url.startsWith(this.site)) continue;
      for (const secret of [...this.secrets, 'canary0']) assert.ok(!url.includes(secret), `a secret in the history: ${url}`);
    }
  }

  async history(page = this.page) {
    const session = await this.context.newCDPSession(page);
    const { entries } = await session.send('Page.getNavigationHistory');
    await session.detach();
    return entries.map(({ url }) => url);
  }

  // ---- what a person does and sees

  open(address = '/auth', page = this.page) {
    return page.goto(this.site + address);
  }

  button(name) {
    return this.page.getByRole('button', { name, exact: true });
  }

  heading(name) {
    return this.page.getByRole('heading', { name, exact: true });
  }

  // Resolves when exactly this text is to be seen.
  sees(text, within = this.page) {
    return within.getByText(text, { exact: true }).waitFor();
  }

  async startLogin() {
    await this.open();
    await this.button('Login with Threads').click();
  }

  async login() {
    await this.startLogin();
    if (!this.upstream) await this.button('Allow').click();
    await this.heading('Short-lived token').waitFor();
    await this.page.locator('#account .username:not(:empty)').waitFor();
  }

  async getLong() {
    await this.button('Get Long-Lived Access Token').click();
    await this.heading('Long-lived token').waitFor();
  }

  async paste(text, button) {
    await this.page.getByLabel('Token', { exact: true }).fill(text);
    await this.button(button).click();
  }

  // The sentences of the one problem that is shown, which also has the focus.
  async problem() {
    const box = this.page.locator('.problem:visible');
    await box.waitFor();
    assert.equal(await box.getAttribute('role'), 'alert');
    return box.locator('p').allTextContents();
  }

  tokenIn(card) {
    return this.page.locator(`#${card} > .token code`).textContent();
  }

  value(term, within = this.page) {
    return within.locator(`dl > div:visible:has(> dt:text-is("${term}")) > dd`).first().innerText();
  }

  // How often this path was asked for.
  sent(address) {
    return this.requests.filter((request) => request.url() === this.site + address).length;
  }

  async accessible() {
    await this.page.evaluate(axe);
    for (const colorScheme of ['light', 'dark']) {
      await this.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      const { violations } = await this.page.evaluate(() => axe.run(document, {
        preload: false, resultTypes: ['violations'], rules: { 'target-size': { enabled: true } },
      }));
      const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html, failureSummary }) => `${html} ${failureSummary}`).join('; ')}`);
      assert.deepEqual(told, [], `axe, ${colorScheme}`);
    }
  }

  // SCREENSHOTS=folder keeps pictures of the main states.
  async picture(name, options) {
    const folder = process.env.SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: path.join(folder, `${name}.png`), animations: 'disabled', ...options });
  }
}
