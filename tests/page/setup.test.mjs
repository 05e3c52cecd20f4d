// The set-up panel's rules (www/setup.js).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, read } from './load.mjs';

const { addressProblem, callbackUrls, isAppId } = await load('setup.js');
const { texts } = await load('texts.js');

test('the three addresses', () => {
  assert.deepEqual(callbackUrls('https://bot.example:8443'), {
    redirectUrl: 'https://bot.example:8443/auth/callback',
    uninstallUrl: 'https://bot.example:8443/deauthorize',
    deleteUrl: 'https://bot.example:8443/data-deletion',
  });
  for (const name of Object.keys(callbackUrls(''))) assert.ok(texts.en[name], name);
});

for (const [address, problem] of [
  ['https://bot.example.com/auth', null],
  ['https://abc.ngrok-free.app/', null],
  ['https://xn--fiq228c.tw/', null],
  ['https://bot.example.com:8443/', null],
  ['https://bot.example.com./', null],
  ['http://bot.example.com/', 'addressHttp'],
  ['http://localhost:8080/', 'addressLocalhost'],
  ['https://localhost/', 'addressLocalhost'],
  ['https://app.localhost/', 'addressLocalhost'],
  ['https://192.168.1.2/', 'addressNumber'],
  ['https://203.0.113.7/', 'addressNumber'],
  ['https://2130706433/', 'addressNumber'],
  ['https://[2001:db8::1]/', 'addressNumber'],
  ['https://raspberrypi/', 'addressPrivate'],
  ['https://raspberrypi.local/', 'addressPrivate'],
  ['http://nas.lan/', 'addressPrivate'],
]) {
  test(`${address}: ${problem}`, () => {
    assert.equal(addressProblem(new URL(address)), problem);
    if (problem) assert.ok(texts.en[problem] && read('index.html').includes('data-text="addressAdvice"'));
  });
}

test('an app id is a number', () => {
  for (const good of ['1234567890123456', '98765432']) assert.ok(isAppId(good));
  for (const bad of ['', 'abc', '123x', ' 123456', '0x12345']) assert.ok(!isAppId(bad), bad);
});
