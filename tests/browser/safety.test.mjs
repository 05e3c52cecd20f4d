// What other sites can do with the page and the endpoints: nothing. The other site is a real one, at
// another origin.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { after, before } from 'node:test';
import { rig } from '../lib/browser.mjs';
import { code, token } from '../lib/canaries.mjs';

const it = rig({ scripted: true });
let pages = {};
let evil;
let visited = [];
const server = http.createServer((req, res) => {
  visited.push(req.url);
  res.writeHead(200, { 'Content-Type': 'text/html' });
  res.end(pages[req.url] ?? '<!doctype html><title>evil</title><link rel="icon" href="data:,">');
});
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  evil = `http://127.0.0.1:${server.address().port}`;
});
after(() => { server.closeAllConnections(); server.close(); });

const test = (name, options, body) => it.test(name, options, async (visit) => {
  visit.others.push(evil);
  pages = {};
  visited = [];
  await body(visit);
});

test('another site cannot frame the page', { refusals: /frame-ancestors 'none'|X-Frame-Options|Refused to display/ }, async (visit) => {
  pages['/framing'] = `<link rel="icon" href="data:,"><iframe src="/own"></iframe>
    <iframe src="${visit.site}/auth"></iframe><iframe src="${visit.site}/auth/callback?code=x&state=y"></iframe>`;
  pages['/own'] = '<p>a frame that works</p>';
  await visit.page.goto(`${evil}/framing`);
  await visit.page.frameLocator('iframe >> nth=0').getByText('a frame that works').waitFor();
  assert.equal(visit.complaints.filter(({ text }) => visit.refusals.test(text)).length, 2, 'both frames were refused');
  assert.equal(visit.sent('/static/app.js'), 0, 'and stayed empty');
  assert.equal(visit.sent('/access-token'), 0);
});

test('another site cannot read an answer, and its Authorization header is not even sent', { refusals: /CORS|blocked|Failed to load/ }, async (visit) => {
  await visit.page.goto(evil);
  const read = (path, init) => visit.page.evaluate(([url, options]) => (
    fetch(url, options).then((r) => r.text(), (error) => error.name)), [visit.site + path, init]);
  assert.equal(await read('/config'), 'TypeError');
  assert.equal(await read('/'), 'TypeError');
  assert.equal(await read('/me', { headers: { Authorization: 'Bearer something' } }), 'TypeError');
  const body = JSON.stringify({ code: 'x', redirect_uri: 'y' });
  assert.equal(await read('/access-token', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body }), 'TypeError');
  assert.deepEqual(it.upstream.requests, [], 'nothing went on to Threads');
});

test('no answer carries a CORS header', {}, async (visit) => {
  await visit.login();
  for (const request of visit.requests.filter((r) => r.url().startsWith(visit.site))) {
    const headers = await (await request.response()).allHeaders();
    assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('access-control-')), [], request.url());
  }
});

// The browser looks for a picture of the JSON that it then shows: 404.
for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain']) {
  test(`another site’s form (${type}) gets 415, and nothing goes to Threads`, { refusals: /415|404/ }, async (visit) => {
    pages['/form'] = `<link rel="icon" href="data:,"><form method="post" enctype="${type}" action="${visit.site}/access-token">
      <input name='{"code":"x","redirect_uri":"y","a":"' value='"}'><button>Win</button></form>`;
    await visit.page.goto(`${evil}/form`);
    const answer = visit.page.waitForResponse(`${visit.site}/access-token`);
    await visit.button('Win').click();
    assert.equal((await answer).status(), 415);
    await visit.page.getByText('detail').waitFor();
    assert.deepEqual(it.upstream.requests, []);
  });
}

test('another site’s script and picture elements cannot take the page’s files', { refusals: /ERR_BLOCKED|blocked|NotSameOrigin/ }, async (visit) => {
  await visit.page.goto(evil);
  const load = (tag, path) => visit.page.evaluate(([name, src]) => new Promise((resolve) => {
    const element = document.createElement(name);
    element.onload = () => resolve('loaded');
    element.onerror = () => resolve('refused');
    element.src = src;
    document.body.append(element);
  }), [tag, visit.site + path]);
  assert.equal(await load('script', '/static/app.js'), 'refused');
  assert.equal(await load('img', '/static/favicon.svg'), 'refused');
  assert.equal(await load('script', '/config'), 'refused');
});

test('a page that opens the login in a window has no hold on it', {}, async (visit) => {
  pages['/opener'] = `<link rel="icon" href="data:,"><button onclick="win = window.open('${visit.site}/auth')">Open</button>`;
  await visit.page.goto(`${evil}/opener`);
  const opened = visit.context.waitForEvent('page');
  await visit.button('Open').click();
  const popup = await opened;
  await popup.getByRole('button', { name: 'Login with Threads' }).waitFor();
  assert.equal(await visit.page.evaluate(() => globalThis.win.closed), true);
  assert.equal(await popup.evaluate(() => globalThis.opener), null);
});

test('the policy refuses inline scripts, inline styles, foreign connections and forms', { refusals: /Content Security Policy/ }, async (visit) => {
  await visit.open();
  const directives = ['script-src-elem', 'style-src-elem', 'object-src', 'frame-src', 'base-uri', 'connect-src'];
  await visit.page.evaluate(([other, awaited]) => new Promise((resolve) => {
    const left = new Set(awaited);
    document.addEventListener('securitypolicyviolation', (event) => {
      left.delete(event.effectiveDirective);
      if (left.size === 0) resolve();
    });
    setTimeout(() => resolve(`not refused: ${[...left]}`), 5_000);
    const add = (tag, props) => document.body.appendChild(Object.assign(document.createElement(tag), props));
    add('script', { textContent: 'document.title = 1' });
    add('style', { textContent: 'body { color: red }' });
    add('script', { src: `${other}/x.js` });
    add('object', { data: `${other}/x`, type: 'text/html' });
    add('iframe', { src: `${other}/x` });
    add('base', { href: other });
    fetch(other).catch(() => {});
  }), [evil, directives]).then((problem) => assert.equal(problem, undefined));
  assert.equal(await visit.page.title(), 'Login with Threads');
  const told = visit.page.waitForEvent('console', (message) => message.text().includes('form-action'));
  await visit.page.evaluate((action) => {
    document.body.appendChild(Object.assign(document.createElement('form'), { action, method: 'post' })).submit();
  }, evil);
  await told;
  assert.deepEqual(visited, [], 'the other site was not asked for anything');
});

test('neither Threads nor any file nor the server learns the address that held the code', {}, async (visit) => {
  await visit.login();
  await visit.getLong();
  const sent = await Promise.all(visit.requests.map(async (r) => [r.url(), (await r.allHeaders()).referer]));
  assert.ok(sent.length > 8);
  for (const [url, referer] of sent) assert.equal(referer, undefined, url);
  assert.equal(it.upstream.requests.find((r) => r.path === '/oauth/authorize').headers.referer, undefined);
});

test('code and token are nowhere in the browser but in the page’s memory', {}, async (visit) => {
  await visit.login();
  // What every test ends with, too; here with the proof that there was something to find.
  assert.equal(await visit.tokenIn('short'), token);
  assert.ok(visit.requests.some((r) => r.url().includes(`/auth/callback?code=${code}`)));
  await visit.judge();
  await visit.page.reload();
  await visit.button('Login with Threads').waitFor();
  assert.ok(!(await visit.page.content()).includes(token));
});

it.end();
