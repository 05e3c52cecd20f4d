// The contract as a table: what is asked, what Threads answers, what must come back and what must
// have been sent to Threads. Every way to the program is held to the same rows.
import assert from 'node:assert/strict';
import { appId, appSecret, assertNoCanary, clientSecret, code, otherToken, token } from './canaries.mjs';

const redirectUri = 'http://localhost:8080/auth/callback?x=ä&y=1+2';
const json = { 'Content-Type': 'application/json' };
const bearer = { Authorization: `Bearer ${token}` };
const login = (body, headers = json) => ({
  method: 'POST', path: '/access-token', headers, body: typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
});
const me = { path: '/me', headers: bearer };
const fields = 'id,username,name,threads_profile_picture_url,threads_biography,is_verified';

// Threads' own bytes, odd spacing and numbers beyond 2^53 included.
const shortLived = `{"access_token": "${otherToken}",  "user_id":17841405793187219}`;
const longLived = `{"access_token":"${otherToken}","token_type":"bearer","expires_in":5183944}\n`;
const profile = '{"id":"17841405793187219","username":"jo","name":"J\\u00f6 \\/ \u2028","threads_profile_picture_url":"https:\\/\\/x.example\\/p.jpg","big":12345678901234567890123.50}';
const inspected = '{"data":{"type":"USER","application":"A","is_valid":true,"issued_at":1,"expires_at":5183945,"scopes":["threads_basic"],"user_id":"17841405793187219"}}';

const loginForm = (sentCode = code) => ({
  method: 'POST', path: '/oauth/access_token', query: '',
  form: { client_id: appId, client_secret: appSecret, redirect_uri: redirectUri, code: sentCode, grant_type: 'authorization_code' },
});
const sentGet = (path, query) => ({ method: 'GET', path, form: {}, query });
const longLivedQuery = (t = token) => sentGet('/access_token', { grant_type: 'th_exchange_token', client_secret: clientSecret, access_token: t });

const detail = (status, more = {}) => ({ status, body: (body) => assert.equal(typeof body.detail, 'string'), ...more });
const list = (...errors) => ({ status: 422, body: { detail: errors } });
const invalidJson = {
  status: 422,
  body: ({ detail: [error, ...others] }) => {
    assert.equal(others.length, 0);
    assert.deepEqual({ ...error, loc: error.loc[0], ctx: typeof error.ctx.error },
      { type: 'json_invalid', loc: 'body', msg: 'JSON decode error', input: {}, ctx: 'string' });
    assert.ok(Number.isInteger(error.loc[1]));
  },
};
// A refusal by Threads: message, the "upstream" member, and whether there is a hint.
const refused = (status, message, upstream, hint) => ({
  status,
  body: (body) => {
    assert.deepEqual({ detail: body.detail, upstream: body.upstream }, { detail: message, upstream });
    if (hint !== undefined) assert.equal(typeof body.hint === 'string', hint, `hint: ${body.hint}`);
  },
});
const badGateway = (upstreamStatus) => ({
  status: 502,
  body: (body) => {
    assert.equal(typeof body.detail, 'string');
    assert.deepEqual(body.upstream, upstreamStatus && { status: upstreamStatus });
  },
});
const type = (t, loc, msg) => ({ type: t, loc, msg });
const missing = (field, input) => ({ ...type('missing', ['body', field], 'Field required'), input });

export const table = [
  { name: 'GET /', ask: { path: '/' }, expect: { status: 200, text: '{"Hello":"World"}' } },
  {
    name: 'GET /config', ask: { path: '/config' },
    expect: { status: 200, body: (body, { upstreamUrl }) => assert.deepEqual(body, {
      app_id: appId, auth_url: `${upstreamUrl}/oauth/authorize`, scope: 'threads_basic,threads_content_publish', sandbox: true }) },
  },
  { name: 'an unknown path', ask: { path: '/no-such-path' }, expect: { status: 404, body: { detail: 'Not Found' } } },
  { name: 'an unknown path below a known one', ask: { path: '/x/me' }, expect: { status: 404, body: { detail: 'Not Found' } } },
  { name: 'a trailing slash', ask: { path: '/me/', headers: bearer }, expect: { status: 404, body: { detail: 'Not Found' } } },
  { name: 'another case', ask: { path: '/Me', headers: bearer }, expect: { status: 404, body: { detail: 'Not Found' } } },

  // Logging in.
  { name: 'code for token', ask: login({ code, redirect_uri: redirectUri }), threads: { body: shortLived }, expect: { status: 200, text: shortLived }, sent: loginForm() },
  { name: 'code for token, charset and other members', ask: login({ state: 1, redirect_uri: redirectUri, code }, { 'Content-Type': 'Application/JSON; charset=utf-8' }), threads: { body: shortLived }, expect: { status: 200, text: shortLived }, sent: loginForm() },
  { name: '#_ is no part of the code', ask: login({ code: `${code}#_`, redirect_uri: redirectUri }), threads: { body: shortLived }, expect: { status: 200, text: shortLived }, sent: loginForm() },
  { name: 'a code with everything to be escaped', ask: login({ code: `${code}&=+% \u0000ä`, redirect_uri: redirectUri }), threads: { body: shortLived }, expect: { status: 200, text: shortLived }, sent: loginForm(`${code}&=+% \u0000ä`) },
  { name: 'body not JSON', ask: login(`{"code":"${code}",`), expect: invalidJson },
  { name: 'body empty', ask: login(''), expect: { status: 422 } },
  { name: 'body two values', ask: login('{} {}'), expect: invalidJson },
  { name: 'body nested too deeply', ask: login('['.repeat(10_000)), expect: invalidJson },
  { name: 'both fields missing', ask: login('{}'), expect: list(missing('code', {}), missing('redirect_uri', {})) },
  { name: 'redirect_uri missing', ask: login({ code: 'x' }), expect: { status: 422, body: ({ detail: [error, ...others] }) => {
    assert.deepEqual([error.type, error.loc, error.msg, others.length], ['missing', ['body', 'redirect_uri'], 'Field required', 0]);
  } } },
  { name: 'redirect_uri missing beside a real code', ask: login({ code }), expect: { status: 422 } },
  { name: 'field not a string', ask: login({ code: 5, redirect_uri: null }), expect: list(
    { ...type('string_type', ['body', 'code'], 'Input should be a valid string'), input: 5 },
    { ...type('string_type', ['body', 'redirect_uri'], 'Input should be a valid string'), input: null }) },
  { name: 'a JSON array', ask: login('[1]'), expect: list({ ...type('model_attributes_type', ['body'], 'Input should be a valid dictionary or object to extract fields from'), input: [1] }) },
  { name: 'code given twice', ask: login(`{"code":"${code}","code":"b","redirect_uri":"r"}`), expect: { status: 422, body: ({ detail: [error] }) => {
    assert.deepEqual([error.type, error.loc, error.msg], ['value_error', ['body', 'code'], 'Value error, given more than once']);
  } } },
  { name: 'a form instead of JSON', ask: login(`code=${code}&redirect_uri=r`, { 'Content-Type': 'application/x-www-form-urlencoded' }), expect: detail(415) },
  { name: 'text/plain', ask: login({ code, redirect_uri: 'r' }, { 'Content-Type': 'text/plain' }), expect: detail(415) },
  { name: 'no content type', ask: login({ code, redirect_uri: 'r' }, {}), expect: detail(415) },
  { name: 'a body of 16 KiB', ask: login(`{"code":"${'x'.repeat(16384 - 35)}","redirect_uri":5}      `), expect: { status: 422 } },
  { name: 'a body of 16 KiB and one byte', ask: login(' '.repeat(16385)), expect: detail(413) },
  { name: 'a body of 100 KB', ask: login(' '.repeat(100_000)), expect: detail(413) },
  { name: 'a body that is not UTF-8', ask: login(Buffer.from('{"code":"\xff","redirect_uri":"r"}', 'latin1')), expect: detail(400) },

  // The token by header and by query.
  { name: 'long-lived, token in the header', ask: { path: '/long-lived-access-token', headers: bearer }, threads: { body: longLived }, expect: { status: 200, text: longLived }, sent: longLivedQuery() },
  { name: 'long-lived, token in the query', ask: { path: '/long-lived-access-token', query: `access_token=${token}` }, threads: { body: longLived }, expect: { status: 200, text: longLived }, sent: longLivedQuery() },
  { name: 'the header wins', ask: { path: '/long-lived-access-token', headers: bearer, query: `access_token=${otherToken}` }, threads: { body: longLived }, expect: { status: 200, text: longLived }, sent: longLivedQuery() },
  { name: 'a query token is decoded once and encoded again', ask: { path: '/long-lived-access-token', query: `x=1&access_token=${token}%26a%3Db%2B+%C3%A4` }, threads: { body: longLived }, expect: { status: 200, text: longLived }, sent: longLivedQuery(`${token}&a=b+ ä`) },
  { name: 'refresh', ask: { path: '/refresh-access-token', headers: bearer }, threads: { body: longLived }, expect: { status: 200, text: longLived }, sent: sentGet('/refresh_access_token', { grant_type: 'th_refresh_token', access_token: token }) },
  { name: 'me', ask: me, threads: { body: profile }, expect: { status: 200, text: profile }, sent: sentGet('/v1.0/me', { fields, access_token: token }) },
  { name: 'debug-token', ask: { path: '/debug-token', headers: bearer }, threads: { body: inspected }, expect: { status: 200, text: inspected }, sent: sentGet('/v1.0/debug_token', { input_token: token, access_token: token }) },
  { name: 'token missing', ask: { path: '/me' }, expect: list({ ...type('missing', ['query', 'access_token'], 'Field required'), input: null }) },
  { name: 'token given twice', ask: { path: '/me', query: `access_token=${token}&access_token=${otherToken}` }, expect: { status: 422, body: ({ detail: [error] }) => {
    assert.deepEqual([error.type, error.loc, error.msg], ['value_error', ['query', 'access_token'], 'Value error, given more than once']);
  } } },
  { name: 'a query that is not UTF-8', ask: { path: '/me', query: `access_token=${token}%ff` }, expect: detail(400) },
  { name: 'a query over 8 KiB', ask: { path: '/me', query: `access_token=${token}${'x'.repeat(8192)}` }, expect: detail(414) },
  { name: 'a query of 60 KiB', ask: { path: '/me', query: `access_token=${token}${'x'.repeat(60_000)}` }, expect: detail(414), webServersOnly: true },

  // Methods.
  { name: 'HEAD /config', ask: { method: 'HEAD', path: '/config' }, expect: { status: 200, text: '' } },
  { name: 'HEAD /me', ask: { ...me, method: 'HEAD' }, threads: { body: profile }, expect: { status: 200, text: '' }, sent: sentGet('/v1.0/me', { fields, access_token: token }) },
  { name: 'HEAD of what does not exist', ask: { method: 'HEAD', path: '/nope' }, expect: { status: 404, text: '' } },
  ...['GET', 'PUT', 'DELETE', 'OPTIONS'].map((method) => (
    { name: `${method} /access-token`, ask: { method, path: '/access-token' }, expect: { status: 405, body: { detail: 'Method Not Allowed' }, headers: { allow: 'POST' } } })),
  ...['POST', 'PATCH'].map((method) => (
    { name: `${method} /me`, ask: { method, path: '/me', headers: bearer, body: '' }, expect: { status: 405, body: { detail: 'Method Not Allowed' }, headers: { allow: 'GET, HEAD' } } })),

  // What Threads may answer.
  { name: 'the code was used', ask: login({ code, redirect_uri: redirectUri }), threads: { status: 400, body: '{"error_type":"OAuthException","code":400,"error_message":"Matching code was not found or was already used"}' },
    expect: refused(400, 'Matching code was not found or was already used', { status: 400, type: 'OAuthException', code: 400 }, true) },
  { name: "Graph's error shape", ask: login({ code, redirect_uri: redirectUri }), threads: { status: 400, body: '{"error":{"message":"This authorization code has been used","type":"OAuthException","code":100,"error_subcode":36009,"fbtrace_id":"Axyz"}}' },
    expect: refused(400, 'This authorization code has been used', { status: 400, type: 'OAuthException', code: 100, subcode: 36009, trace: 'Axyz' }, true) },
  { name: "RFC 6749's error shape", ask: me, threads: { status: 401, body: '{"error":"invalid_token","error_description":"It is not valid"}' },
    expect: refused(400, 'It is not valid', { status: 401, type: 'invalid_token' }) },
  { name: 'an error under 200', ask: me, threads: { status: 200, body: '{"error":{"message":"No","type":"OAuthException","code":190}}' },
    expect: refused(400, 'No', { status: 200, type: 'OAuthException', code: 190 }) },
  { name: '429 and its Retry-After', ask: me, threads: { status: 429, headers: { 'Retry-After': '17' }, body: '{"error":{"message":"Slow down","code":4}}' },
    expect: { ...refused(429, 'Slow down', { status: 429, code: 4 }), headers: { 'retry-after': '17' } } },
  { name: 'a 4xx that repeats token, secret and address', ask: { path: '/long-lived-access-token', headers: bearer },
    threads: ({ query }) => ({ status: 400, body: JSON.stringify({ error: { message: `Bad ${token} / ${clientSecret} / ${encodeURIComponent(token)} in http://${'127.0.0.1'}/access_token?${query}`, type: `T ${token}`, code: 190, fbtrace_id: token } }) }),
    expect: { status: 400 } },
  { name: 'a 4xx that repeats code and secret', ask: login({ code, redirect_uri: redirectUri }),
    threads: ({ body }) => ({ status: 400, body: JSON.stringify({ error_type: 'X', code: 400, error_message: `Bad ${code} ${appSecret} ${body}` }) }), expect: { status: 400 } },
  { name: 'a 4xx that is HTML', ask: me, threads: { status: 404, body: '<html>canary0' }, expect: { oneOf: [400, 502] } },
  ...[500, 503].map((status) => ({ name: `${status} from Threads`, ask: me, threads: { status, body: '{"error":{"message":"x","code":1}}' }, expect: badGateway(status) })),
  ...[301, 302, 307, 308].map((status) => ({ name: `${status} from Threads is not followed`, ask: login({ code, redirect_uri: redirectUri }), threads: ({ headers }) => ({ status, headers: { Location: `http://${headers.host}/decoy` }, body: '' }), expect: badGateway(status), sent: loginForm() })),
  ...[['HTML', '<!doctype html>'], ['nothing', ''], ['an array', '[]'], ['a string', '"x"'], ['half an object', '{"access_token":"x"'], ['two objects', '{}{}'], ['not UTF-8', Buffer.from('{"a":"\xff"}', 'latin1')],
    ['nested deeply', `{"a":${'['.repeat(5_000)}${']'.repeat(5_000)}}`]].map(([what, body]) => (
    { name: `200 from Threads with ${what}`, ask: me, threads: { body }, expect: badGateway(200) })),
  { name: '200 from Threads over 64 KiB', ask: me, threads: { body: `{"a":"${'x'.repeat(65536)}"}` }, expect: detail(502) },
  { name: '200 from Threads over 64 KiB, chunked', ask: me, threads: { headers: { 'Transfer-Encoding': 'chunked' }, body: `{"a":"${'x'.repeat(65536)}"}` }, expect: detail(502) },
  { name: 'just 64 KiB', ask: me, threads: { body: `{"a":"${'x'.repeat(65536 - 8)}"}` }, expect: { status: 200, text: `{"a":"${'x'.repeat(65536 - 8)}"}` } },
  // libcurl asks a second time, on a new connection, when a kept one turns out to be dead.
  { name: 'Threads hangs up', ask: login({ code, redirect_uri: redirectUri }), threads: { reset: true }, again: true, expect: badGateway(undefined) },
  { name: 'Threads hangs up in the middle', ask: me, threads: { raw: 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a":1' }, expect: detail(502) },
  { name: 'Threads speaks no HTTP', ask: me, threads: { raw: 'SSH-2.0-OpenSSH\r\n' }, expect: detail(502) },
  { name: 'Threads is silent', ask: me, threads: { hang: true }, expect: detail(504) },
];

// Asks by the given way and compares. `context`: {upstream, upstreamUrl}.
export async function check(row, send, context) {
  const { upstream } = context;
  upstream.answers(row.threads ?? { status: 500, body: 'Threads must not be asked' });
  const answer = await send(row.ask);
  const { expect } = row;
  const shown = `${answer.status} ${JSON.stringify(answer.headers)} ${answer.text.slice(0, 400)}`;

  if (expect.oneOf) assert.ok(expect.oneOf.includes(answer.status), shown);
  else assert.equal(answer.status, expect.status, shown);
  const always = {
    'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
  };
  for (const [name, value] of Object.entries({ ...always, ...expect.headers })) {
    assert.deepEqual(answer.all(name), [value], `${name}: ${shown}`);
  }
  for (const name of ['x-upstream', 'set-cookie', 'location']) assert.deepEqual(answer.all(name), [], shown);
  if (row.ask.method === 'HEAD') assert.equal(answer.text, '');
  if (expect.text !== undefined) assert.equal(answer.text, expect.text);
  if (typeof expect.body === 'function') expect.body(JSON.parse(answer.text), context);
  else if (expect.body) assert.deepEqual(JSON.parse(answer.text), expect.body);
  if (answer.status !== 200) {
    assertNoCanary(answer.text, 'the body of an error');
    assert.ok(!answer.text.includes(context.upstreamUrl), "Threads' address leaked");
    if (row.ask.method !== 'HEAD') assert.ok('detail' in JSON.parse(answer.text), shown);
  }
  assertNoCanary(JSON.stringify(answer.headers), 'the headers');

  if (!row.threads) assert.deepEqual(upstream.requests, [], 'Threads was asked');
  else assert.ok(upstream.requests.length === 1 || (row.again && upstream.requests.length === 2), `Threads was asked ${upstream.requests.length} times`);
  if (row.sent) {
    const [request] = upstream.requests;
    assert.equal(`${request.method} ${request.path}`, `${row.sent.method} ${row.sent.path}`);
    assert.deepEqual([...new URLSearchParams(request.query)], Object.entries(row.sent.query || {}));
    assert.deepEqual([...new URLSearchParams(request.body)], Object.entries(row.sent.form));
    if (row.sent.method === 'POST') assert.equal(request.headers['content-type'], 'application/x-www-form-urlencoded');
  }
}
