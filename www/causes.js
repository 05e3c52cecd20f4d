// Why something went wrong: the catalogue's matching, by the rules of src/threads/causes.cc, and the
// reading of what people paste. Knows no page and no words; the catalogue is an argument.

const STEPS = ['window', 'exchange', 'long-lived', 'refresh', 'profile', 'inspect'];

/** The first entry that fits {step, status, code, subcode, message}; numbers may be texts. */
export function findCause(catalogue, { step, status, code, subcode, message = '' }) {
  const said = message.toLowerCase();
  const has = (list, value) => value !== undefined && list?.some((one) => Number(one) === Number(value));
  const within = ([from, to]) => Number(from) <= Number(code) && Number(code) <= Number(to);
  return catalogue.find((entry) => (!entry.steps || entry.steps.includes(step)) && (
    has(entry.subcodes, subcode) || has(entry.statuses, status) || has(entry.codes, code)
    || entry.code_ranges?.some(within)
    || entry.texts?.some((text) => said.includes(text)))) ?? null;
}

/** The same where nobody knows at which step it happened: Meta's window comes first. */
export function findAnywhere(catalogue, error) {
  for (const step of STEPS) {
    const cause = findCause(catalogue, { ...error, step });
    if (cause) return cause;
  }
  return null;
}

const word = (value) => (typeof value === 'string' ? value : '');
const number = (value) => (/^\d{1,9}$/.test(value) ? Number(value) : undefined);

function readObject(body) {
  const error = typeof body.error === 'object' && body.error !== null ? body.error : body;
  const { upstream = {} } = body; // an answer of this server
  return {
    status: number(upstream.status),
    code: number(error.error_code ?? error.code ?? upstream.code),
    subcode: number(error.error_subcode ?? upstream.subcode),
    message: [error.error_message, error.message, error.error_user_msg, error.error_description,
      error.error_reason, error.error, error.detail].map(word).filter(Boolean).join(' – '),
  };
}

function readAddress(url) {
  const query = url.searchParams;
  const get = (name) => query.get(name)?.replace(/#_$/, '');
  if (['error', 'error_code', 'error_message'].some((name) => query.has(name))) {
    return { kind: 'error', error: readObject(Object.fromEntries(query)) };
  }
  if (get('code')) return { kind: 'code' };
  if (!query.has('client_id') && !query.has('redirect_uri')) return { kind: 'address' };
  // The window's own address: what is wrong with it can be seen.
  if (!/^\d+$/.test(get('client_id'))) return { kind: 'error', error: { code: 4476002 } };
  if (/^http:/.test(get('redirect_uri'))) return { kind: 'error', error: { code: 1349187 } };
  return { kind: 'window', appId: get('client_id'), redirectUri: get('redirect_uri') ?? '' };
}

/**
 * What somebody pasted who got an error: {kind: 'empty' | 'code' | 'address'}, the 'window' with its
 * {appId, redirectUri}, or an 'error' with what findAnywhere() takes.
 */
export function readReport(text) {
  const trimmed = text.trim();
  if (!trimmed) return { kind: 'empty' };
  if (/^https?:\/\/\S*$/i.test(trimmed)) {
    try {
      return readAddress(new URL(trimmed));
    } catch {
      return { kind: 'address' };
    }
  }
  // JSON, also with words around it.
  const json = /\{[\s\S]*\}/.exec(trimmed)?.[0];
  try {
    return { kind: 'error', error: readObject(JSON.parse(json)) };
  } catch {
    // Meta's own numbers have seven digits; they are worth something in any text.
    return { kind: 'error', error: { code: number(/\b\d{7}\b/.exec(trimmed)?.[0]), message: trimmed } };
  }
}
