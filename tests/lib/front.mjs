// What every web server before the program must do by itself, whichever it is.
import assert from 'node:assert/strict';
import { assertNoCanary } from './canaries.mjs';

export const csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' https:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export const neverServed = ['/static/.hidden', '/static/%2ehidden', '/.hidden', '/static/../secret.txt', '/static/%2e%2e/secret.txt', '/static/..%2fsecret.txt',
  '/static//../secret.txt', '/static/..;/secret.txt', '/static/%5c..%5csecret.txt', '/static/', '/static', '/static/nothing.js', '/index.html', '/app.js',
  '/.env', '/.git/config', '/src/main.cc', '/static/.env', '/STATIC/app.js', '/auth/', '/auth/../secret.txt', '/auth/x', '/static/app.js/', '/static/app.js/x',
  '/threads-oauth-error', '/threads-oauth.fcgi'];

// Of /metrics, which is for this machine alone, in words that a rule for it could miss.
export const otherSpellings = ['/%6detrics', '/metrics%00', '/metrics/', '//metrics', '/./metrics', '/x/../metrics', '/static/../metrics', '/static/%2e%2e/metrics',
  '/static/..%2fmetrics', '/auth/callback/../../metrics', '/metrics/.', '/METRICS', '/metrics%20', '/%2fmetrics', '/metrics;x', '/metrics%3f'];

// The files that neverServed asks for.
export function hideFiles(stage) {
  stage.write('www/.hidden', 'canary0', 0o644);
  stage.write('secret.txt', 'canary0', 0o644);
}

export function assertPage(page) {
  assert.equal(page.status, 200, page.text);
  assert.match(page.text, /<html/);
  for (const [header, value] of Object.entries({
    'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store', 'content-security-policy': csp, 'x-frame-options': 'DENY',
    'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer', 'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
  })) assert.deepEqual(page.all(header), [value], header);
  assert.ok(page.get('permissions-policy'));
  assert.doesNotMatch(page.get('server') ?? '', /\d/);
}

export function assertJsonError(answer, status) {
  assert.equal(answer.status, status, answer.text);
  assert.equal(typeof JSON.parse(answer.text).detail, 'string');
  for (const [name, value] of Object.entries({
    'content-type': 'application/json', 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer',
  })) assert.deepEqual(answer.all(name), [value], name);
  assertNoCanary(answer.text, 'an error');
}
