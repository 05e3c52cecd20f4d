// Asks this server and reads what it answers, good or bad, into values. Knows no page and no words:
// a problem names a text of texts.js or carries the server's own. `fetch` and the clock are arguments.

const PATIENCE = 20_000;

/** JSON with every number as the text of its digits: a user_id is beyond what Number can hold. */
export function readJson(text) {
  JSON.parse(text);
  return JSON.parse(text.replace(
    /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g,
    (part) => (part[0] === '"' ? part : `"${part}"`),
  ));
}

/** When Retry-After says to come back, in milliseconds of the clock; null when it does not say. */
export function retryAt(header, now) {
  if (!header) return null;
  const at = /^\d{1,9}$/.test(header) ? now + Number(header) * 1000 : Date.parse(header);
  return at >= now ? at : null;
}

/** What went wrong: {detail | text, hint | hintText, fields, retryAt, upstream}. */
export function readProblem(status, text, retryAfter, now) {
  const when = retryAt(retryAfter, now);
  let body = null;
  try {
    body = readJson(text);
  } catch {
    // A proxy's own page; its status is all there is to say.
  }
  const hint = typeof body?.hint === 'string' ? body.hint : null;
  if (typeof body?.detail === 'string' && body.detail) {
    const { upstream } = body;
    return { detail: body.detail, hint, retryAt: when, ...(upstream && { upstream }) };
  }
  const fields = Array.isArray(body?.detail)
    ? body.detail.filter((item) => typeof item?.msg === 'string')
      .map((item) => ({ name: String(item.loc?.at?.(-1) ?? ''), message: item.msg }))
    : [];
  if (fields.length) return { fields, hint, retryAt: when };
  return { text: 'unreadable', status, hintText: 'unreadableHint', retryAt: when };
}

/**
 * One request: {data} or {problem}, never throws. `token` goes into the header, `body` as JSON;
 * `valid` says whether the JSON is what was asked for.
 */
export async function ask(path, { token, body, valid = () => true, fetch, now }) {
  const headers = { Accept: 'application/json' };
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  let response;
  let text;
  try {
    response = await fetch(path, {
      method: body ? 'POST' : 'GET',
      headers,
      body: body && JSON.stringify(body),
      cache: 'no-store',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      signal: AbortSignal.timeout(PATIENCE),
    });
    text = await response.text();
  } catch (error) {
    const slow = error?.name === 'TimeoutError' || error?.name === 'AbortError';
    return { problem: slow
      ? { text: 'tooSlow', hintText: 'tooSlowHint' }
      : { text: 'unreachable', hintText: 'unreachableHint' } };
  }
  const retryAfter = response.headers.get('Retry-After');
  if (!response.ok) return { problem: readProblem(response.status, text, retryAfter, now()) };
  try {
    const data = readJson(text);
    if (data && valid(data)) return { data };
  } catch {
    // Not JSON: told below, like JSON that lacks what was asked for.
  }
  return { problem: { text: 'unreadable', status: response.status, hintText: 'unreadableHint' } };
}
