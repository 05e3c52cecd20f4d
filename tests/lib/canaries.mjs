// Secrets, codes and tokens as the tests use them: each can be recognised wherever it turns up, in
// clear, percent-encoded or base64 (hence letters and digits only).
import assert from 'node:assert/strict';

export const appId = '1122334455667788';
export const appSecret = 'canary0appsecret0d41d8cd98f00b204';
export const clientSecret = 'canary0clientsecret0e9800998ecf84';
export const code = 'AQBxcanary0code0hBsH3a7';
export const token = 'THQVJcanary0token0x81Zq';
export const otherToken = 'THQVJcanary0othertoken0p2';

const pattern = /canary0|Y2FuYXJ5M|NhbmFyeT|jYW5hcnkw/i;

export function assertNoCanary(text, where) {
  const found = pattern.exec(text);
  assert.equal(found && text.slice(Math.max(0, found.index - 60), found.index + 40), null, `a secret leaked: ${where}`);
}

// To be called at the end of each suite.
export function assertNothingLeaked(stage) {
  for (const [name, text] of [...stage.logs(), ...stage.commandLines()]) assertNoCanary(text, name);
}
