// A strict reader of calendar files (RFC 5545): throws at whatever a picky calendar would refuse.
import assert from 'node:assert/strict';

const required = {
  VCALENDAR: ['PRODID', 'VERSION'],
  VEVENT: ['UID', 'DTSTAMP', 'DTSTART', 'SUMMARY'],
  VALARM: ['ACTION', 'TRIGGER', 'DESCRIPTION'],
};
const moment = (text) => {
  assert.match(text, /^\d{8}T\d{6}Z$/);
  const ms = Date.parse(text.replace(/(....)(..)(..)T(..)(..)(..)Z/, '$1-$2-$3T$4:$5:$6Z'));
  assert.ok(!Number.isNaN(ms), text);
  return ms;
};
const words = (text) => {
  assert.doesNotMatch(text, /(?<!\\)(?:\\\\)*[;,]|(?<!\\)(?:\\\\)*\\[^\\;,nN]/, `not escaped: ${text}`);
  return text.replace(/\\([\\;,nN])/g, (_, character) => (/n/i.test(character) ? '\n' : character));
};
const values = { DTSTAMP: moment, DTSTART: moment, SUMMARY: words, DESCRIPTION: words };

/** The file as {name, properties, parts}; `bytes` is a Buffer. */
export function readCalendar(bytes) {
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  assert.ok(text.endsWith('\r\n'), 'the last line ends, too');
  assert.doesNotMatch(text, /(?<!\r)\n|\r(?!\n)/, 'lines end with CRLF');
  assert.doesNotMatch(text, /(?![\t\r\n])\p{Cc}/u, 'no control characters');
  const lines = text.slice(0, -2).split('\r\n');
  for (const line of lines) assert.ok(Buffer.byteLength(line) <= 75, `over 75 bytes: ${line}`);
  const stack = [{ name: 'file', properties: {}, parts: [] }];
  for (const line of text.slice(0, -2).replace(/\r\n[ \t]/g, '').split('\r\n')) {
    const [, name, value] = /^([A-Z-]+)(?:;[^:]*)?:(.*)$/.exec(line) ?? assert.fail(`no property: ${line}`);
    const here = stack.at(-1);
    if (name === 'BEGIN') {
      const part = { name: value, properties: {}, parts: [] };
      here.parts.push(part);
      stack.push(part);
    } else if (name === 'END') {
      assert.equal(value, here.name);
      for (const needed of required[value] ?? assert.fail(value)) assert.ok(needed in here.properties, `${value} has no ${needed}`);
      stack.pop();
    } else {
      assert.ok(!(name in here.properties), `${name} twice`);
      here.properties[name] = (values[name] ?? String)(value);
    }
  }
  assert.equal(stack.length, 1, 'all is closed');
  assert.equal(stack[0].parts.length, 1);
  const [calendar] = stack[0].parts;
  assert.equal(calendar.name, 'VCALENDAR');
  assert.equal(calendar.properties.VERSION, '2.0');
  const ids = calendar.parts.map(({ properties }) => properties.UID);
  assert.equal(new Set(ids).size, ids.length, 'no UID twice');
  return calendar;
}
