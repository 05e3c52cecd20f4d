// The page at /docs, as somebody reads and tries the API with it. That it asks nobody else and that nothing is refused
// by its CSP is what each visit is held to, see lib/browser.mjs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { before, describe } from 'node:test';
import { rig, together } from '../lib/browser.mjs';
import { appId } from '../lib/canaries.mjs';
import { reader, root } from '../lib/stage.mjs';

const { paths } = JSON.parse(fs.readFileSync(path.join(root, 'www/openapi.json'), 'utf8'));
const operations = Object.entries(paths).flatMap(([where, item]) => Object.entries(item).map(([method, { operationId }]) => ({ method, where, operationId })));

describe('/docs', together, () => {
  const it = rig();
  const { test } = it;
  before(() => assert.ok(fs.existsSync(reader), 'the reader is there: make docs'));

  const open = async (visit) => {
    await visit.open('/docs');
    await visit.page.locator('.opblock').nth(operations.length - 1).waitFor();
  };
  const block = (visit, operationId) => visit.page.locator(`.opblock[id$="-${operationId}"]`);
  // Opens an operation and makes its fields writable.
  const tryOut = async (visit, operationId) => {
    const operation = block(visit, operationId);
    await operation.locator('.opblock-summary-control').click();
    await operation.getByRole('button', { name: 'Try it out' }).click();
    return operation;
  };
  const execute = async (operation) => {
    await operation.getByRole('button', { name: 'Execute', exact: true }).click();
    const answer = operation.locator('.live-responses-table .response');
    await answer.locator('.microlight').first().waitFor();
    return { status: (await answer.locator('.response-col_status').innerText()).trim(), body: await answer.locator('.microlight').first().textContent() };
  };

  test('every operation is there, in a page without a plea to install anything', async (visit) => {
    await open(visit);
    const shown = await visit.page.locator('.opblock').evaluateAll((blocks) => blocks.map((one) => (
      `${one.querySelector('.opblock-summary-method').textContent} ${one.querySelector('.opblock-summary-path').dataset.path}`)));
    assert.deepEqual(shown.sort(), operations.map(({ method, where }) => `${method.toUpperCase()} ${where}`).sort());
    assert.ok(await visit.page.getByText('make docs').isHidden());
    await visit.picture('docs', { fullPage: true });
  });

  // With a JSON body, a token, a form, plain text, a file.
  test('an operation of each kind can be opened', async (visit) => {
    await open(visit);
    for (const operationId of ['accessToken', 'me', 'deleteData', 'metrics', 'description']) {
      const operation = block(visit, operationId);
      await operation.locator('.opblock-summary-control').click();
      await operation.locator('.responses-table').waitFor();
      assert.equal(await visit.page.locator('.errors-wrapper').count(), 0, operationId);
      await operation.locator('.opblock-summary-control').click();
      await operation.locator('.responses-table').waitFor({ state: 'detached' });
    }
  });

  test('GET /config, tried', async (visit) => {
    await open(visit);
    const { status, body } = await execute(await tryOut(visit, 'config'));
    assert.equal(status, '200');
    assert.equal(JSON.parse(body).app_id, appId);
    assert.equal(visit.sent('/config'), 1);
  });

  test('POST /access-token, tried: Threads does not know the code', { fails: ['/access-token'] }, async (visit) => {
    await open(visit);
    const { status, body } = await execute(await tryOut(visit, 'accessToken'));
    assert.match(status, /^400/);
    const { detail, upstream, hint } = JSON.parse(body);
    assert.deepEqual([detail, upstream.status, typeof hint], ['Matching code was not found or was already used', 400, 'string']);
  });

  test('a token, given once, goes out as a header', { fails: ['/me'] }, async (visit) => {
    await open(visit);
    await visit.page.getByRole('button', { name: 'Authorize', exact: true }).click();
    await visit.page.getByRole('textbox').first().fill('THQFakeToken0000');
    await visit.page.locator('.modal-ux').getByRole('button', { name: /apply credentials/i }).first().click();
    await visit.page.locator('.modal-ux').getByRole('button', { name: 'Close' }).first().click();
    const { status, body } = await execute(await tryOut(visit, 'me'));
    assert.match(status, /^400/);
    assert.equal(JSON.parse(body).upstream.code, 190);
    const request = visit.requests.find((one) => one.url() === `${visit.site}/me`);
    assert.equal(request.headers().authorization, 'Bearer THQFakeToken0000');
  });

  for (const colorScheme of ['light', 'dark']) {
    test(`its colours are the person's: ${colorScheme}`, { colorScheme }, async (visit) => {
      await open(visit);
      assert.equal(await visit.page.evaluate(() => document.documentElement.classList.contains('dark-mode')), colorScheme === 'dark');
      await visit.picture(`docs-${colorScheme}`);
    });
  }
});

describe('/docs without its reader', () => {
  const it = rig();
  before(() => { for (const name of fs.readdirSync(reader)) fs.rmSync(it.stage.path('www', name), { recursive: true }); });
  // Chromium says of a style sheet at times that it is not there, at times that a JSON error is none.
  const options = { refusals: /MIME type \('application\/json'\)|^Failed to load resource/ };
  it.test('says how to get it, and where the description is', options, async (visit) => {
    await visit.open('/docs');
    await visit.page.getByText('make docs').waitFor();
    await visit.accessible();
    await visit.page.getByRole('link', { name: 'openapi.json' }).click();
    await visit.page.waitForURL(`${visit.site}/openapi.json`);
  });
});
