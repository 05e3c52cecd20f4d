// A calendar file (RFC 5545) that reminds of a token before it dies. It never holds the token.

const stamp = (ms) => new Date(ms).toISOString().replace(/[-:]|\.\d+/g, '');
const escape = (text) => text.replace(/[\\;,]/g, '\\$&').replace(/\r\n|\r|\n/g, '\\n');

/** A line of at most 75 bytes, continued on the next after a space; no character is cut in two. */
function fold(line) {
  const bytes = new TextEncoder();
  let folded = '';
  let room = 75;
  for (const character of line) {
    const size = bytes.encode(character).length;
    if (size > room) {
      folded += '\r\n ';
      room = 74;
    }
    folded += character;
    room -= size;
  }
  return folded;
}

/** One event per reminder {at, title, about}, with an alarm when it begins; `id` makes it unique. */
export function calendar(reminders, { id, now, url }) {
  const lines = ['BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//threads-oauth//page//EN', 'METHOD:PUBLISH'];
  reminders.forEach(({ at, title, about }, index) => lines.push(
    'BEGIN:VEVENT',
    `UID:${id}-${index}@threads-oauth`,
    `DTSTAMP:${stamp(now)}`,
    `DTSTART:${stamp(at)}`,
    'DURATION:PT15M',
    'TRANSP:TRANSPARENT',
    `SUMMARY:${escape(title)}`,
    `DESCRIPTION:${escape(about)}`,
    `URL:${url}`,
    'BEGIN:VALARM',
    'ACTION:DISPLAY',
    'TRIGGER:PT0S',
    `DESCRIPTION:${escape(title)}`,
    'END:VALARM',
    'END:VEVENT',
  ));
  lines.push('END:VCALENDAR');
  return lines.map((line) => `${fold(line)}\r\n`).join('');
}

/** A week before the end, or half-way there if that is over. */
export function reminderTime(expires, now) {
  return expires - Math.min(7 * 86_400_000, Math.max(0, (expires - now) / 2));
}
