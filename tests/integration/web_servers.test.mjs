// What the web servers do by themselves: the page and its headers, what is never served, their own
// errors as JSON, the rate limit, and that none of it writes a code or a token into a log.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked, code, token } from '../lib/canaries.mjs';
import { assertJsonError, assertPage, csp, hideFiles, neverServed, otherSpellings } from '../lib/front.mjs';
import { send, sendRaw } from '../lib/http.mjs';
import { startApache, startNginx, startProgram, withoutDocs, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

const secret = `code=${code}&access_token=${token}&state=1`;

const servers = {
  nginx: async (stage, envFile, edits) => {
    const program = await startProgram(stage, { envFile });
    return { program, ...(await startNginx(stage, { socket: program.address.path, edits })) };
  },
  'Apache, mod_proxy_fcgi': async (stage, envFile, edits) => {
    const program = await startProgram(stage, { envFile });
    return { program, ...(await startApache(stage, 'proxy', { socket: program.address.path, edits })) };
  },
  'Apache, mod_fcgid': (stage, envFile, edits) => startApache(stage, 'fcgid', { envFile, edits }),
  'Apache, mod_cgi': (stage, envFile, edits) => startApache(stage, 'cgi', { envFile, edits }),
};

for (const [name, start] of Object.entries(servers)) {
  describe(name, () => {
    const stage = new Stage();
    let server;
    let upstream;
    before(async () => {
      upstream = await Upstream.start(stage);
      hideFiles(stage);
      server = await start(stage, writeEnv(stage, { THREADS_API_URL: upstream.url }));
    });
    after(() => stage.close());
    const get = (path, query, more = {}) => send(server.port, { path, query, ...more });

    for (const path of ['/auth', '/auth/callback']) {
      test(`${path} is the page, with its headers`, async () => {
        const page = await get(path, secret);
        assertPage(page);
      });
    }

    test('a script has its type and is asked for again with its ETag', async () => {
      const script = await get('/static/app.js');
      assert.equal(script.status, 200);
      assert.deepEqual(script.all('content-type'), ['text/javascript; charset=utf-8']);
      assert.deepEqual(script.all('cache-control'), ['no-cache']);
      assert.deepEqual(script.all('content-security-policy'), [csp]);
      const again = await get('/static/app.js', undefined, { headers: { 'If-None-Match': script.get('etag') } });
      assert.equal(again.status, 304);
    });

    test('every file that the page names is there', async () => {
      const { text } = await get('/auth');
      for (const [, path] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) assert.equal((await get(path)).status, 200, path);
    });

    test('/openapi.json is the description', async () => {
      const answer = await get('/openapi.json', secret);
      assert.deepEqual([answer.status, answer.all('content-type'), answer.all('cache-control')], [200, ['application/json'], ['no-cache']]);
      assert.equal(JSON.parse(answer.text).openapi, '3.1.0');
      assertJsonError(await get('/openapi.json', secret, { method: 'POST', body: '' }), 405);
    });

    test('/docs is a page with a policy of its own, and everything that it names is there', async () => {
      const page = await get('/docs', secret);
      assert.equal(page.status, 200);
      assert.deepEqual(page.all('content-type'), ['text/html; charset=utf-8']);
      assert.deepEqual(page.all('content-security-policy'), [csp.replace('https:', 'data:')]);
      const named = [...page.text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path);
      assert.ok(named.includes('/static/swagger-ui-bundle.js'), `${named}`);
      for (const path of named) assert.equal((await get(path)).status, 200, `${path} (make docs)`);
    });

    test('without its line there is no /docs, and all else is as it was', async (t) => {
      const another = new Stage();
      t.after(() => another.close());
      const off = await start(another, writeEnv(another, { THREADS_API_URL: upstream.url }), [withoutDocs]);
      assertJsonError(await send(off.port, { path: '/docs', query: secret }), 404);
      for (const path of ['/auth', '/openapi.json', '/config', '/static/app.js']) assert.equal((await send(off.port, { path })).status, 200, path);
    });

    for (const path of neverServed) {
      test(`${path} is not served`, async () => {
        const answer = await get(path, secret);
        assert.ok([400, 404].includes(answer.status), `${answer.status} ${answer.text}`);
        assertJsonError(answer, answer.status);
      });
    }

    for (const method of ['POST', 'DELETE', 'OPTIONS']) {
      test(`${method} /auth`, async () => {
        const answer = await get('/auth', secret, { method, body: '' });
        assertJsonError(answer, 405);
        assert.deepEqual(answer.all('allow').filter((value) => value !== ''), ['GET, HEAD']);
      });
    }

    test('TRACE', async () => assertJsonError(await get('/me', secret, { method: 'TRACE' }), 405));
    test('a query of 60 KB', async () => assertJsonError(await get('/me', secret + 'x'.repeat(60_000)), 414));
    test('a bad percent sign', async () => assertJsonError(await get('/%zz', secret), 400));
    test('two Host headers', async () => {
      assertJsonError(await sendRaw(server.port, `GET /me?${secret} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`), 400);
    });
    test('headers that are too long', async () => {
      const answer = await get('/me', undefined, { headers: { Authorization: `Bearer ${token.repeat(3000)}` } });
      assertJsonError(answer, name === 'nginx' ? 431 : 400);
    });
    test('a chunked body', async () => {
      upstream.answers({ body: '{"access_token":"t"}' });
      const body = JSON.stringify({ code, redirect_uri: 'r' });
      const answer = await send(server.port, {
        method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json', 'Transfer-Encoding': 'chunked' },
        body: `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`,
      });
      // Apache gives a CGI program no length then, and CGI knows a body by its length alone.
      if (name.includes('mod_cgi')) assert.ok([400, 411, 422].includes(answer.status), answer.text);
      else assert.deepEqual([answer.status, answer.text], [200, '{"access_token":"t"}']);
    });

    test('/healthz answers to this machine alone', async () => {
      assert.equal((await send(server.port, { path: '/healthz' }, { from: '127.0.0.1' })).status, 200);
      for (const path of ['/healthz', '/metrics']) {
        const request = { path, query: secret, headers: { Referer: `http://x/?${secret}` } };
        assertJsonError(await send(server.port, request, { from: '127.0.0.2' }), 403);
      }
      for (const path of otherSpellings) assert.ok((await send(server.port, { path }, { from: '127.0.0.2' })).status >= 400, path);
    });

    if (name === 'nginx') {
      test('too many token requests from one address', async () => {
        upstream.answers({ body: '{}' });
        const answers = await Promise.all(Array.from({ length: 60 }, () => send(
          server.port, { path: '/me', query: secret, headers: { Referer: `http://x/?${secret}` } }, { from: '127.0.3.1' })));
        const limited = answers.filter((answer) => answer.status === 429);
        assert.ok(limited.length >= 20 && limited.length < 45, `${limited.length} of 60`);
        for (const answer of limited) {
          assertJsonError(answer, 429);
          assert.deepEqual(answer.all('retry-after'), ['1']);
        }
        assert.equal((await get('/me', secret)).status, 200, 'another address');
      });
    }

    test('nothing leaked', () => assertNothingLeaked(stage));

    if (name === 'nginx' || name.includes('proxy')) {
      test('the program is gone, and back', async () => {
        server.program.child.kill('SIGTERM');
        await server.program.exited;
        assertJsonError(await get('/me', secret), name === 'nginx' ? 502 : 503);
        await send(server.port, { path: '/healthz' }, { from: '127.0.0.1' });
        assertNothingLeaked(stage);
        if (name === 'nginx') assert.match([...stage.logs()].find(([file]) => /oauth.error.log$/.test(file))[1], /connect\(\) to unix/);
        const again = stage.spawn('program', stage.binary('threads-oauth.fcgi'), ['--listen', server.program.address.path, '--env-file', writeEnv(stage, { THREADS_API_URL: upstream.url })]);
        await stage.ready(again, server.program.address);
        upstream.answers({ body: '{}' });
        assert.equal((await get('/me', secret)).status, 200);
      });
    }
  });
}
