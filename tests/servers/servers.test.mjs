// The contract behind lighttpd, Caddy and HAProxy, each as its example under deploy/ configures it; and what these
// do by themselves: the page and its headers, what is never served, their own errors, nothing secret in a log.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNoCanary, assertNothingLeaked, code, token } from '../lib/canaries.mjs';
import { check, table } from '../lib/contract_table.mjs';
import { assertJsonError, assertPage, csp, hideFiles, neverServed, otherSpellings } from '../lib/front.mjs';
import { send } from '../lib/http.mjs';
import { startProgram, withoutDocs, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { startCaddy, startHaproxy, startLighttpd } from './fronts.mjs';

const query = `code=${code}&access_token=${token}&state=1`;
const headers = { Referer: `http://x/?${query}`, Cookie: `c=${token}` };

for (const [name, start] of Object.entries({ lighttpd: startLighttpd, Caddy: startCaddy, HAProxy: startHaproxy })) {
  describe(name, () => {
    const stage = new Stage();
    let program;
    let front;
    let port;
    let context;
    before(async () => {
      const upstream = await Upstream.start(stage);
      context = { upstream, upstreamUrl: upstream.url };
      hideFiles(stage);
      program = await startProgram(stage, { envFile: writeEnv(stage, {
        THREADS_API_URL: upstream.url, THREADS_AUTH_URL: `${upstream.url}/oauth/authorize`, THREADS_TIMEOUT: '2',
      }) });
      front = await start(stage, { socket: program.address.path });
      port = front.port;
    });
    after(() => stage.close());

    for (const row of table) test(row.name, () => check(row, (request) => send(port, request), context));

    for (const path of ['/auth', '/auth/callback']) {
      test(`${path} is the page, with its headers`, async () => {
        const page = await send(port, { path, query, headers });
        assertPage(page);
      });
    }

    test('every file that the page names is there, and is asked for again with its ETag', async () => {
      const { text } = await send(port, { path: '/auth' });
      for (const [, path] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
        const file = await send(port, { path });
        assert.equal(file.status, 200, path);
        assert.deepEqual(file.all('cache-control'), ['no-cache']);
        assert.deepEqual(file.all('content-security-policy'), [csp]);
        assert.match(file.get('content-type'), path.endsWith('.svg') ? /^image\/svg\+xml/ : /^text\/(javascript|css); charset=utf-8$/);
        assert.equal((await send(port, { path, headers: { 'If-None-Match': file.get('etag') } })).status, 304);
      }
    });

    test('/openapi.json is the description', async () => {
      const answer = await send(port, { path: '/openapi.json', query, headers });
      assert.deepEqual([answer.status, answer.all('content-type'), answer.all('cache-control')], [200, ['application/json'], ['no-cache']]);
      assert.equal(JSON.parse(answer.text).openapi, '3.1.0');
    });

    test('/docs is a page with a policy of its own, and everything that it names is there', async () => {
      const page = await send(port, { path: '/docs', query, headers });
      assert.equal(page.status, 200);
      assert.deepEqual(page.all('content-type'), ['text/html; charset=utf-8']);
      assert.deepEqual(page.all('content-security-policy'), [csp.replace('https:', 'data:')]);
      for (const [, path] of page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) assert.equal((await send(port, { path })).status, 200, `${path} (make docs)`);
    });

    test('without its line there is no /docs, and all else is as it was', async (t) => {
      const another = new Stage();
      t.after(() => another.close());
      const off = await start(another, { socket: program.address.path, edits: [withoutDocs] });
      assertJsonError(await send(off.port, { path: '/docs', query, headers }), 404);
      for (const path of ['/auth', '/openapi.json', '/config', '/static/app.js']) assert.equal((await send(off.port, { path })).status, 200, path);
    });

    for (const path of neverServed) {
      test(`${path} is not served`, async () => {
        const answer = await send(port, { path, query, headers });
        assert.ok([400, 404].includes(answer.status), `${answer.status} ${answer.text}`);
        assertJsonError(answer, answer.status);
      });
    }

    for (const at of ['', '/me', '/static', '/auth/callback']) {
      test(`a token behind ${at}/ gets a 404`, async () => {
        assertJsonError(await send(port, { path: `${at}/${token}`, headers }), 404);
      });
    }

    test('POST /auth changes nothing', async () => {
      const answer = await send(port, { method: 'POST', path: '/auth', query, headers, body: '' });
      assert.ok([403, 404, 405].includes(answer.status), `${answer.status}`);
      assertJsonError(answer, answer.status);
    });

    test('/healthz answers to this machine alone', async () => {
      assert.equal((await send(port, { path: '/healthz' }, { from: '127.0.0.1' })).status, 200);
      for (const path of ['/healthz', '/metrics']) {
        const answer = await send(port, { path }, { from: '127.0.0.2' });
        assertJsonError(answer, name === 'lighttpd' ? 404 : 403);
      }
      for (const path of otherSpellings) assert.ok((await send(port, { path }, { from: '127.0.0.2' })).status >= 400, path);
    });

    test('the program is gone, and back', async () => {
      const { address, args } = program;
      program.child.kill('SIGTERM');
      await program.exited;
      const answer = await send(port, { path: '/me', query, headers });
      assert.ok([502, 503].includes(answer.status), `${answer.status}`);
      assertNoCanary(answer.text, 'an error');
      if (name !== 'lighttpd') assertJsonError(answer, answer.status);
      await stage.ready(stage.spawn('program', args[0], args.slice(1)), address);
      context.upstream.answers({ body: '{}' });
      const deadline = Date.now() + 10_000;  // lighttpd looks once a second whether it is back
      while ((await send(port, { path: '/me', query })).status !== 200) {
        assert.ok(Date.now() < deadline, 'it is not found again');
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    });

    test('nothing leaked into logs or command lines', async () => {
      assertNothingLeaked(stage);
      front.child.kill('SIGTERM');  // lighttpd keeps its log in memory for some seconds
      await front.exited;
      assertNothingLeaked(stage);
      const log = [...stage.logs()].filter(([file]) => !file.startsWith('threads-oauth.fcgi')).map(([, text]) => text).join('');
      assert.match(log, /\/long-lived-access-token/, 'there is a log');
    });
  });
}
