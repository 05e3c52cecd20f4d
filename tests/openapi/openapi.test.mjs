// www/openapi.json is true: it is OpenAPI 3.1, it has the program's endpoints and no others, every answer of a real
// server to generated requests is as it says, and all that it says of answers was seen. And that this test can fail.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { appId, appSecret, assertNothingLeaked } from '../lib/canaries.mjs';
import { formatRequest, send, sendRaw } from '../lib/http.mjs';
import { npm } from '../lib/npm.mjs';
import { runCgi, startNginx, startProgram, startSandbox, withoutDocs, writeEnv } from '../lib/servers.mjs';
import { freePort, root, Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';
import { Description, programsEndpoints, readDocument } from './description.mjs';
import { Requests } from './requests.mjs';

const seed = Number(process.env.SEED ?? 20261123);  // SEED=N makes other requests
const endpoints = programsEndpoints();
const pages = ['GET /auth', 'GET /auth/callback', 'GET /openapi.json', 'GET /docs'];
const redirectUri = 'http://localhost:8080/auth/callback';

const document = readDocument();

test('it is a valid OpenAPI 3.1 document', async () => {
  const { Validator } = await import(npm.resolve('@seriousme/openapi-schema-validator'));
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  assert.deepEqual(errors ?? [], []);
  assert.ok(valid);
  assert.equal(document.openapi.slice(0, 4), '3.1.');
});

test('its version is the one that is built', () => {
  assert.equal(document.info.version, /^## (\d.*)$/m.exec(fs.readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8'))[1]);
});

test("its endpoints are those of the program's table, and the pages", () => {
  assert.ok(endpoints.length > 10, 'the table was found');
  const described = new Description(document).operations().map(([method, where]) => `${method} ${where}`);
  assert.deepEqual(described.sort(), [...endpoints, ...pages].sort());
});

test('everything named is described: operations, parameters, schemas, and nothing is left unused', () => {
  const text = JSON.stringify(document);
  for (const [kind, parts] of Object.entries(document.components)) {
    for (const [name, part] of Object.entries(parts)) {
      assert.ok(part.description, `${kind}/${name} has no description`);
      assert.ok(kind === 'securitySchemes' || text.includes(`"#/components/${kind}/${name}"`), `${kind}/${name} is not used`);
    }
  }
  for (const [method, where, operation] of new Description(document).operations()) {
    assert.ok(operation.summary && operation.operationId && operation.tags.length === 1, `${method} ${where}`);
    for (const [status, response] of Object.entries(operation.responses)) assert.ok(response.$ref || response.description, `${method} ${where} ${status}`);
  }
});

test('every example is what its schema allows', () => {
  const description = new Description(document);
  let found = 0;
  const visit = (node) => {
    if (node === null || typeof node !== 'object') return;
    if (node.type && Array.isArray(node.examples)) {
      for (const example of node.examples) assert.equal(description.validate(node, example), '', JSON.stringify(example));
      found += 1;
    }
    Object.values(node).forEach(visit);
  };
  visit(document);
  assert.ok(found > 30, `${found} examples`);
});

describe('the answers of a running server', () => {
  const stage = new Stage();
  const description = new Description(document);
  const requests = new Requests(description, seed);
  const seen = [];  // all requests with their answers
  let sandboxPort;
  let upstream;
  let program;   // before the sandbox
  let faulty;    // before an upstream that does what a test says; one exchange at a time
  let site;
  let faultySite;
  const ofProgram = description.operations().filter(([method, where]) => endpoints.includes(`${method} ${where}`));
  const exchanging = ofProgram.filter(([, , { responses }]) => '503' in responses);

  // Sends, and holds the answer to the description.
  async function ask(server, request) {
    const { name = `${request.method} ${request.path}`, method, path: where, from } = request;
    const bytes = request.bytes ?? formatRequest(request, 'localhost');
    const answer = await sendRaw(server.port, bytes, { head: method === 'HEAD', from });
    judge({ name, method, path: where }, answer);
    return answer;
  }

  function judge(request, answer) {
    assert.deepEqual(description.judge(request, answer), [], `${request.name}, seed ${seed}: ${answer.status} ${answer.text.slice(0, 300)}`);
    seen.push([request, answer]);
  }

  // Some at a time: nginx has 512 connections here, and an exchange through the sandbox takes six.
  const together = async (list, body) => {
    const rest = [...list.entries()];
    const next = async () => { for (let one = rest.shift(); one; one = rest.shift()) await body(one[1], one[0]); };
    await Promise.all(Array.from({ length: 32 }, next));
  };
  const bare = ([method, where, { responses }]) => ({ method, path: where, from: '403' in responses ? '127.0.0.1' : undefined });
  const asDescribed = ([method, where]) => requests.valid(1).find((request) => request.path === where && request.method === method);

  before(async () => {
    sandboxPort = await freePort();
    upstream = await Upstream.start(stage);
    const sandboxUrl = `http://127.0.0.1:${sandboxPort}`;
    const envFile = writeEnv(stage, { THREADS_API_URL: sandboxUrl, THREADS_AUTH_URL: `${sandboxUrl}/oauth/authorize` });
    const sandbox = await startSandbox(stage, { envFile });
    program = await startProgram(stage, { envFile });
    site = await startNginx(stage, { socket: program.address.path, sandboxSocket: sandbox.address.path, sandboxPort });
    faulty = await startProgram(stage, { envFile: writeEnv(stage, { THREADS_API_URL: upstream.url, THREADS_TIMEOUT: '0.5' }), args: ['--max-in-flight', '1'] });
    faultySite = await startNginx(stage, { socket: faulty.address.path, edits: [['fastcgi_read_timeout 15s', 'fastcgi_read_timeout 1s']] });
  });
  after(() => stage.close());

  test('a whole life: log in, make the token last, inspect it, refresh it, leave', async () => {
    const consent = new URLSearchParams({ decision: 'allow', response_type: 'code', scope: 'threads_basic', client_id: appId, redirect_uri: redirectUri });
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const window_ = await send(sandboxPort, { method: 'POST', path: '/oauth/authorize', headers: form, body: consent.toString() });
    const code = new URL(window_.get('location')).searchParams.get('code');
    const done = async (request) => {
      const answer = await ask(site, request);
      assert.equal(answer.status, 200, answer.text);
      return answer.get('content-type') === 'application/json' ? JSON.parse(answer.text) : answer;
    };
    const get = (where, token) => done({ method: 'GET', path: where, headers: { Authorization: `Bearer ${token}` } });
    const login = { method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ code, redirect_uri: redirectUri }) };
    const short = await done(login);
    assert.equal((await ask(site, login)).status, 400, 'a code works once');
    for (const where of ['/me', '/debug-token']) await get(where, short.access_token);
    const long = await get('/long-lived-access-token', short.access_token);
    assert.equal((await ask(site, { method: 'GET', path: '/refresh-access-token', headers: { Authorization: `Bearer ${long.access_token}` } })).status, 400, 'too young');
    await send(sandboxPort, { method: 'POST', path: '/sandbox/clock', headers: form, body: 'pass=2d' });
    await done({ method: 'GET', path: '/refresh-access-token', query: `access_token=${encodeURIComponent(long.access_token)}` });

    const payload = Buffer.from(JSON.stringify({ algorithm: 'HMAC-SHA256', user_id: '17841405793187219' })).toString('base64url');
    const signature = createHmac('sha256', appSecret).update(payload).digest('base64url');
    for (const where of ['/deauthorize', '/data-deletion']) {
      const answer = await done({ method: 'POST', path: where, headers: form, body: `signed_request=${signature}.${payload}` });
      if (!answer.url) continue;
      const page = await done({ method: 'GET', path: '/data-deletion', query: new URL(answer.url).search.slice(1) });
      assert.match(page.text, /Nothing is left/);
    }
  });

  test('to requests as described', async () => {
    const list = requests.valid(8);
    assert.ok(list.length > 150, `${list.length} requests`);
    await together(list, async (request) => {
      const answer = await ask(site, request);
      // What is as described can only be a token, code or signature that is not known.
      assert.ok([200, 400, 404].includes(answer.status), `${request.name}: ${answer.status} ${answer.text}`);
      if (answer.status === 400 && request.method === 'GET') assert.ok(JSON.parse(answer.text).upstream, `${request.name}: ${answer.text}`);
    });
  });

  test('to requests that are not as described', async () => {
    const list = requests.invalid();
    assert.ok(list.length > 300, `${list.length} requests`);
    await together(list, async (request) => {
      const answer = await ask(site, request);
      assert.equal(answer.status, request.status, `${request.name}: ${answer.text}`);
    });
  });

  test('to paths that are not listed', () => together(['/x', '/me/', '/Me', '/me/x', '/docs/', '/openapi', '/%6de/x', '/static/openapi'], async (where) => {
    const answer = await send(site.port, { path: where });
    assert.equal(answer.status, 404, where);
    assert.equal(description.validate({ $ref: 'document#/components/schemas/Error' }, JSON.parse(answer.text)), '');
  }));

  test('to a file that one has already', () => together(pages, async (name) => {
    const [method, where] = name.split(' ');
    const { headers } = await ask(site, { method, path: where });
    const etag = headers.find(([header]) => header === 'ETag')[1];
    assert.equal((await ask(site, { method, path: where, headers: { 'If-None-Match': etag } })).status, 304);
  }));

  test('to too many requests from one address', () => together(exchanging, async (operation, at) => {
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(site, { ...bare(operation), from: `127.1.0.${1 + at}` })));
    assert.ok(answers.some(({ status }) => status === 429));
  }));

  test('while Threads does what it should not', async () => {
    const graph = { error: { message: 'Slow down', type: 'OAuthException', code: 190, error_subcode: 463, fbtrace_id: 'AFake' } };
    for (const operation of exchanging) {
      for (const [script, status] of [
        [{ status: 429, headers: { 'Retry-After': '17' }, body: JSON.stringify(graph) }, 429],
        [{ status: 401, body: JSON.stringify(graph) }, 400],
        [{ status: 200, body: JSON.stringify(graph) }, 400],
        [{ status: 400, body: '<html>' }, 400],
        [{ status: 403, body: '{"error_type":"OAuthException","code":400,"error_message":"No"}' }, 400],
        [{ status: 500, body: '{}' }, 502],
        [{ status: 302, headers: { Location: 'http://127.0.0.1:1/' }, body: '' }, 502],
        [{ status: 200, body: '[]' }, 502],
        [{ raw: 'SSH-2.0-OpenSSH\r\n' }, 502],
        [{ reset: true }, 502],
      ]) {
        upstream.answers(script);
        const answer = await ask(faultySite, asDescribed(operation));
        assert.equal(answer.status, status, `${JSON.stringify(script)}: ${answer.text}`);
      }
      upstream.answers({ hang: true });
      const first = ask(faultySite, asDescribed(operation));
      await upstream.asked();
      assert.equal((await ask(faultySite, asDescribed(operation))).status, 503);
      assert.equal((await first).status, 504);
    }
  });

  test('while the program is silent, and once it is gone', async () => {
    faulty.child.kill('SIGSTOP');
    try {
      await together(ofProgram, async (operation) => assert.equal((await ask(faultySite, bare(operation))).status, 504));
    } finally {
      faulty.child.kill('SIGCONT');
    }
    faulty.child.kill('SIGTERM');
    await faulty.exited;
    await together(ofProgram, async (operation) => assert.equal((await ask(faultySite, bare(operation))).status, 502));
  });

  test('by a CGI process whose configuration is wrong', () => together(ofProgram, async (operation) => {
    const answer = await runCgi(stage, { envFile: stage.path('none.env') }, bare(operation));
    assert.equal(answer.status, 500);
    judge({ name: `CGI ${operation[1]}`, ...bare(operation) }, answer);
  }));

  test('where /docs is turned off by one line', async () => {
    const off = await startNginx(stage, { socket: program.address.path, edits: [withoutDocs] });
    assert.equal((await ask(off, { method: 'GET', path: '/docs' })).status, 404);
    assert.equal((await ask(off, { method: 'GET', path: '/openapi.json' })).status, 200);
    assert.equal((await ask(off, { method: 'GET', path: '/auth' })).status, 200);
  });

  test('have been all that is described', () => assert.deepEqual(description.unseen(), []));

  test('nothing leaked', () => assertNothingLeaked(stage));

  // The same answers before a description that is not true.
  const isTrue = (other) => seen.every(([request, answer]) => other.judge(request, answer).length === 0) && other.unseen().length === 0;
  const isFound = (change, what) => {
    const untrue = structuredClone(document);
    change(untrue);
    assert.ok(!isTrue(new Description(untrue)), `nobody has noticed: ${what}`);
  };

  test('a status that is missing is found', () => {
    assert.ok(isTrue(new Description(document)), 'as it is');
    for (const [method, where, { responses }] of description.operations()) {
      for (const status of Object.keys(responses)) {
        isFound(({ paths }) => { delete paths[where][method.toLowerCase()].responses[status]; }, `${method} ${where} ${status}`);
      }
    }
  });

  test('an endpoint that is missing is found', () => {
    for (const [method, where] of description.operations()) isFound(({ paths }) => { delete paths[where][method.toLowerCase()]; }, `${method} ${where}`);
    for (const where of Object.keys(document.paths)) isFound(({ paths }) => { delete paths[where]; }, where);
  });

  test('a field that is missing or of another type is found', () => {
    let fields = 0;
    const visit = (node, way) => {
      if (node === null || typeof node !== 'object') return;
      const at = (untrue) => way.reduce((inner, name) => inner[name], untrue);
      for (const name of Object.keys(node.properties ?? {})) {
        fields += 1;
        if (node.additionalProperties === true) continue;  // an open object: OpenAPI itself
        isFound((untrue) => { delete at(untrue).properties[name]; }, [...way, name].join('/'));
        isFound((untrue) => { at(untrue).properties[name] = { type: 'null' }; }, [...way, name].join('/'));
      }
      for (const [name, inner] of Object.entries(node)) visit(inner, [...way, name]);
    };
    const ofAnswers = structuredClone(document.components.schemas);
    for (const name of ['Login', 'Callback']) delete ofAnswers[name];
    for (const [name, schema] of Object.entries(ofAnswers)) visit(schema, ['components', 'schemas', name]);
    assert.ok(fields > 30, `${fields} fields`);
  });

  test('a header or a content type that is missing is found', () => {
    for (const [name, response] of Object.entries(document.components.responses)) {
      for (const header of Object.keys(response.headers)) {
        if (header === 'X-Request-Id') continue;
        isFound(({ components }) => { delete components.responses[name].headers[header]; }, `${name}: ${header}`);
      }
      if (response.content) isFound(({ components }) => { components.responses[name].content = { 'text/csv': { schema: { type: 'string' } } }; }, `${name}: its content type`);
    }
  });

  test('what is described too much is found', () => {
    for (const [method, where] of description.operations()) {
      isFound(({ paths }) => { paths[where][method.toLowerCase()].responses[418] = { description: 'x' }; }, `${method} ${where} 418`);
    }
    isFound(({ paths }) => { paths['/more'] = { get: { responses: { 200: { description: 'x' } } } }; }, 'an endpoint');
    isFound(({ components }) => { components.schemas.Error.properties.more = { type: 'string' }; }, 'a field');
  });
});
