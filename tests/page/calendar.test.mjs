// The calendar file (www/calendar.js), read back by a strict reader.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCalendar } from '../lib/calendar.mjs';
import { load } from './load.mjs';

const { calendar, reminderTime } = await load('calendar.js');
const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 23, 12, 34, 56, 789);
const make = (reminders) => readCalendar(Buffer.from(calendar(reminders, { id: 'abc', now: NOW, url: 'https://bot.example/auth' })));

test('two reminders', () => {
  const at = NOW + 53 * DAY;
  const { parts } = make([{ at, title: 'Refresh', about: 'Soon' }, { at: at + 7 * DAY, title: 'End', about: 'Over' }]);
  assert.deepEqual(parts.map(({ name }) => name), ['VEVENT', 'VEVENT']);
  const [{ properties, parts: [alarm] }] = parts;
  const whole = (ms) => Math.floor(ms / 1000) * 1000;
  assert.deepEqual(properties, {
    UID: 'abc-0@threads-oauth', DTSTAMP: whole(NOW), DTSTART: whole(at), DURATION: 'PT15M', TRANSP: 'TRANSPARENT',
    SUMMARY: 'Refresh', DESCRIPTION: 'Soon', URL: 'https://bot.example/auth',
  });
  assert.deepEqual(alarm.properties, { ACTION: 'DISPLAY', TRIGGER: 'PT0S', DESCRIPTION: 'Refresh' });
});

for (const text of ['a;b,c\\d', 'one\ntwo\r\nthree', '權'.repeat(80), `${'a'.repeat(66)}權😀`, '😀'.repeat(40), 'x'.repeat(300), '\\n', 'BEGIN:VEVENT\r\nEND:VEVENT']) {
  test(`kept whole: ${JSON.stringify(text).slice(0, 40)}`, () => {
    const { SUMMARY, DESCRIPTION } = make([{ at: NOW, title: text, about: text }]).parts[0].properties;
    assert.equal(SUMMARY, text.replace(/\r\n/g, '\n'));
    assert.equal(DESCRIPTION, SUMMARY);
  });
}

test('the reminder comes a week before, or half-way', () => {
  assert.equal(reminderTime(NOW + 60 * DAY, NOW), NOW + 53 * DAY);
  assert.equal(reminderTime(NOW + 4 * DAY, NOW), NOW + 2 * DAY);
  assert.equal(reminderTime(NOW - DAY, NOW), NOW - DAY);
});
