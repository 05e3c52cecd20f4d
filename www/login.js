// The rules of the login without page or network: the authorization URL, the callback's check, what
// a token is and how long it lives. Clock and random bytes are arguments; wording is texts.js's.

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
export const SHORT_LIFE = HOUR;
export const REFRESH_AGE = DAY;
export const callbackPath = '/auth/callback';
const LAST_DATE = 8.64e15; // the furthest a Date reaches

/** 16 or more random bytes as text that needs no escaping in an address. */
export function makeState(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Where "Login with Threads" leads. Throws when the configured address is none for a browser. */
export function authorizationUrl({ auth_url, app_id, scope }, redirectUri, state) {
  const url = new URL(auth_url);
  if (!/^https?:$/.test(url.protocol)) throw new TypeError('auth_url is not http(s)');
  url.hash = '';
  url.searchParams.set('client_id', app_id);
  url.searchParams.set('redirect_uri', redirectUri);
  url.searchParams.set('scope', scope);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('state', state);
  return url.href;
}

/** The permissions in a comma-separated text. */
export const readScopes = (text) => (text ?? '').split(/[\s,]+/).filter(Boolean);

/**
 * What the address says: {kind: 'start' | 'denied' | 'refused' | 'code' | 'tool', …}. `takeState` gives the
 * stored state and forgets it; it is called only when the address is an answer to a login of this page. The `text`
 * of a denial is Threads' own message, or null where the address may be anybody's.
 */
export function readCallback(address, takeState) {
  const query = new URL(address).searchParams;
  // Threads appends "#_"; where somebody has escaped it, it became part of the value.
  const codes = query.getAll('code').map((code) => code.replace(/#_$/, ''));
  const states = query.getAll('state').map((state) => state.replace(/#_$/, ''));
  const denied = query.has('error');
  if (!denied && !codes.some(Boolean)) return { kind: 'start' };
  if (states.some((state) => state.startsWith('threads-token-'))) {
    return denied ? { kind: 'denied', text: null } : { kind: 'tool', address };
  }
  const expected = takeState();
  const stateless = !states.some(Boolean);
  if (stateless && !denied) return { kind: 'refused', why: 'stateMissing' };
  if (!expected) return { kind: 'refused', why: 'stateUnknown' };
  // Whether Threads sends the state along with a denial is not documented.
  if (stateless) return { kind: 'denied', text: null };
  if (states.length > 1 || states[0] !== expected) return { kind: 'refused', why: 'stateWrong' };
  if (denied) {
    const text = query.get('error_description') || query.get('error_reason') || query.get('error');
    return { kind: 'denied', text: text.slice(0, 300) };
  }
  if (codes.length > 1) return { kind: 'refused', why: 'stateWrong' };
  return { kind: 'code', code: codes[0] };
}

/** The token in what a person pasted, {token}, or {problem}: a key of the texts. */
export function readPasted(text) {
  let token = text.trim();
  // Whole answers of the API get pasted, and lines that begin with the header's name.
  token = /"access_token"\s*:\s*"([^"\\]+)"/.exec(token)?.[1] ?? token;
  token = token.replace(/^(authorization:\s*)?bearer\s+/i, '').replace(/^(["'])(.*)\1$/s, '$2');
  token = token.replace(/[\r\n]+/g, '');
  if (!token) return { problem: 'tokenEmpty' };
  if (/^https?:|[?&]code=|#_$/i.test(token)) return { problem: 'tokenAddress' };
  if (/^TH\|/.test(token)) return { problem: 'tokenApp' };
  if (!/^[\x21-\x7e]+$/.test(token)) return { problem: 'tokenShape' };
  return { token };
}

/** Seconds of any origin (text, number, absent) to milliseconds, null when they make no date. */
export function milliseconds(seconds) {
  const ms = seconds === null || seconds === '' ? NaN : Number(seconds) * 1000;
  return ms > 0 && ms < LAST_DATE ? ms : null;
}

/** When a token received at `now` ends; `expiresIn` in seconds, null where Threads says nothing. */
export function expiryOf(expiresIn, now) {
  const life = milliseconds(expiresIn);
  return life !== null && now + life < LAST_DATE ? now + life : null;
}

/** What debug_token's `data` means at `now`: one verdict and its dates. */
export function classify(data, now) {
  const issued = milliseconds(data.issued_at);
  const expires = milliseconds(data.expires_at);
  // A long-lived token has 60 days; whatever has a day at most was never one.
  const kind = issued === null || expires === null ? null : expires - issued <= DAY ? 'short' : 'long';
  const dates = { kind, issued, expires, refreshFrom: null };
  if (expires !== null && expires <= now) return { verdict: 'expired', ...dates };
  if (data.is_valid !== true) return { verdict: 'invalid', ...dates };
  if (!kind) return { verdict: 'unknown', ...dates };
  if (kind === 'short') return { verdict: 'short', ...dates };
  const refreshFrom = issued + REFRESH_AGE;
  return { verdict: now < refreshFrom ? 'young' : 'ready', ...dates, refreshFrom };
}

/** "3 days", in the language's own way. */
export function amount(count, unit, language) {
  return new Intl.NumberFormat(language, { style: 'unit', unit, unitDisplay: 'long' }).format(count);
}

/** A duration in its two largest units, rounded down; '' below a minute. */
export function duration(ms, language) {
  const minutes = Math.floor(ms / 60_000);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor(minutes / 60) % 24];
  const parts = days ? [[days, 'day'], [hours, 'hour']]
    : [[hours, 'hour'], [minutes % 60, 'minute']];
  const words = parts.filter(([count]) => count > 0)
    .map(([count, unit]) => amount(count, unit, language));
  return new Intl.ListFormat(language, { type: 'unit', style: 'long' }).format(words);
}

/** An account's picture, only from where the page may load one. */
export function pictureOf(address, origin) {
  try {
    const url = new URL(address);
    return url.protocol === 'https:' || url.origin === origin ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * Lines for a shell, dash included, that ask for a secret and make a request of it. The secret is not echoed, and is
 * part of no command line. In parentheses, so that all lines are read before the first one runs; the traps turn the
 * terminal's echo on again. `edit` is what sed makes of the secret for curl's standard input.
 */
const pasted = (what, edit, request) => `(
  trap 'stty echo' EXIT
  trap 'exit 130' INT
  stty -echo
  echo 'Paste the ${what}, then press Enter.' >&2
  sed '${edit};q' |
    curl -sS --fail-with-body -w '\\n' ${request}
)`;

/** The lines a person can paste into a shell instead of pressing the button. */
export const curl = {
  code: (origin) => pasted('code', `s|.*|{"code":"&","redirect_uri":"${origin}/auth/callback"}|`,
    `-H 'Content-Type: application/json' -d @- '${origin}/access-token'`),
  token: (origin, path) => pasted('token', 's/^/Authorization: Bearer /', `-H @- '${origin}${path}'`),
};

/**
 * What keeps a token alive without a person, by the names of their texts. Each line runs only if the one before it
 * succeeded. cron does not look into /usr/local/bin by itself, where `make install` puts threads-token. By curl and jq
 * alone the answer is read whole and judged before it replaces anything; with -s jq 1.6 too fails when there is none.
 */
export const keep = (origin) => ({
  keepTool: `threads-token login --server '${origin}' &&\nthreads-token show`,
  keepTimer: `systemctl --user daemon-reload &&
systemctl --user enable --now threads-token.timer &&
sudo loginctl enable-linger "$USER"`,
  keepCron: '30 4 * * * PATH=/usr/local/bin:$PATH threads-token refresh --if-older-than 30 >/dev/null',
  keepCurl: `cp -p threads.token threads.token.new &&
answer=$(sed 's/^/Authorization: Bearer /' threads.token |
  curl -fsS -m 60 -H @- '${origin}/refresh-access-token') &&
printf '%s' "$answer" |
  jq -ers '.[0].access_token | select(test("^[!-~]+$"))' >threads.token.new &&
mv threads.token.new threads.token`,
});
