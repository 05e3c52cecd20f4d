// The page at work: one state, one draw(), and the buttons between them. What a login, a token or an
// answer means is decided in login.js and api.js; view.js shows it; the words are in texts.js.

import { ask } from './api.js';
import {
  SHORT_LIFE, REFRESH_AGE, authorizationUrl, callbackPath, classify, expiryOf, makeState, pictureOf,
  readCallback, readPasted, readScopes,
} from './login.js';
import { choose, texts } from './texts.js';
import { $, dateOf, draw as drawState, write } from './view.js';

const STATE_KEY = 'threads-login-state';
const { origin } = location;

const task = () => ({ busy: null, problem: null });
const fresh = () => ({
  view: 'start', // 'start' | 'exchanging' | 'tokens' | 'tool'
  login: task(),
  tool: null, // the address that threads-token waits for
  short: null,
  scopes: { asked: [], granted: null, busy: false },
  account: { ...task(), person: null },
  long: { ...task(), token: null },
  report: { answer: null },
  paste: { ...task(), inspection: null, long: { ...task(), token: null } },
});

// ---- the address: before anything else, and before the first await

// What a login leaves behind for its return: state, scopes and language, used once.
let kept = [];
function takeState() {
  try {
    kept = (sessionStorage.getItem(STATE_KEY) ?? '').split(' ');
    sessionStorage.removeItem(STATE_KEY);
  } catch {
    // Nothing was kept, then.
  }
  return kept[0] || null;
}

const { href } = location;
const arrival = readCallback(href, takeState);
// A choice of language stays in the address, which is the one place that a reload keeps.
const wanted = [new URL(href).searchParams.get('lang'), kept[2]].find((tag) => Object.hasOwn(texts, tag ?? ''));
if (location.search || href.includes('#')) cleanAddress(wanted);

function cleanAddress(language) {
  history.replaceState(null, '', location.pathname + (language ? `?lang=${language}` : ''));
}

const state = {
  language: wanted ?? choose(navigator.languages ?? []),
  languageChosen: Boolean(wanted),
  config: null,
  chosen: null, // the permissions to ask for
  now: Date.now(),
  revealed: false,
  copied: null,
  ...fresh(),
};
const draw = () => drawState(state);

// ---- asking the server

const clock = () => Date.now();
const askServer = (path, options) => ask(path, { fetch: window.fetch.bind(window), now: clock, ...options });
const STEPS = {
  '/access-token': 'exchange', '/long-lived-access-token': 'long-lived', '/refresh-access-token': 'refresh',
  '/me': 'profile', '/debug-token': 'inspect',
};

async function request(path, options) {
  const { data, problem } = await askServer(path, options);
  if (problem?.upstream && problem.hint) {
    // The server's hint is English; the catalogue that it comes from has every language.
    problem.cause = await causeOf('findCause', { ...problem.upstream, message: problem.detail, step: STEPS[path] });
  }
  state.now = clock();
  if (problem) problem.since = state.now;
  return { data, problem };
}

let catalogue = null;
/** The catalogue's entry for an error, or null; undefined when the catalogue cannot be had. */
async function causeOf(find, error) {
  try {
    const causes = await import('./causes.js');
    if (!catalogue) ({ data: catalogue = null } = await askServer('/static/causes.json', { valid: Array.isArray }));
    return catalogue ? causes[find](catalogue, error) : undefined;
  } catch {
    return undefined;
  }
}

const hasToken = (data) => typeof data.access_token === 'string' && data.access_token !== '';

/** Runs one task: says what it does, keeps what went wrong, and leads to the outcome. */
async function run(job, busy, problemId, work) {
  if (job.busy) return;
  Object.assign(job, { busy, problem: null });
  draw();
  const problem = await work();
  Object.assign(job, { busy: null, problem: problem ?? null });
  draw();
  if (job.problem) $(problemId).focus();
}

function show(headingId) {
  draw();
  $(headingId).focus();
}

function longToken(data, now) {
  return {
    text: data.access_token,
    type: data.token_type,
    received: now,
    expires: expiryOf(data.expires_in, now),
    refreshFrom: now + REFRESH_AGE,
  };
}

let loadingConfig = null;
function loadConfig() {
  loadingConfig ??= request('/config', { valid: (data) => Boolean(data.auth_url && data.app_id) });
  return loadingConfig.then(({ data, problem }) => {
    if (problem) loadingConfig = null; // the next click asks again
    state.config = data ?? null;
    if (data) state.chosen ??= [...new Set(['threads_basic', ...readScopes(data.scope)])];
    draw();
    return problem;
  });
}

function login() {
  return run(state.login, 'opening', 'login-problem', async () => {
    const problem = await loadConfig();
    if (problem) return problem;
    const random = makeState(crypto.getRandomValues(new Uint8Array(24)));
    const scope = state.chosen.join(',');
    let address;
    try {
      address = authorizationUrl({ ...state.config, scope }, origin + callbackPath, random);
    } catch {
      return { text: 'badConfig', hintText: 'badConfigHint' };
    }
    try {
      sessionStorage.setItem(STATE_KEY, [random, scope, state.languageChosen ? state.language : ''].join(' '));
    } catch {
      return { text: 'noStorage', hintText: 'noStorageHint' };
    }
    location.assign(address);
    return new Promise(() => {}); // busy until the page is left, or shown again
  });
}

async function findAccount(account, token) {
  Object.assign(account, { busy: 'asking', problem: null });
  draw();
  const { data, problem } = await request('/me', {
    token, valid: (body) => typeof body.username === 'string',
  });
  account.busy = null;
  account.problem = problem ? { ...problem, before: 'noAccount' } : null;
  account.person = data ? {
    name: data.name || data.username,
    username: data.username,
    picture: pictureOf(data.threads_profile_picture_url, origin),
  } : null;
  draw();
}

async function findScopes(scopes, token) {
  Object.assign(scopes, { asked: readScopes(kept[1]), busy: true });
  const { data } = await request('/debug-token', {
    token, valid: (body) => Array.isArray(body.data?.scopes),
  });
  Object.assign(scopes, { granted: data?.data.scopes.map(String) ?? null, busy: false });
  draw();
}

function exchange(code) {
  state.view = 'exchanging';
  const { account, scopes } = state;
  return run(state.login, 'exchanging', 'login-problem', async () => {
    const { data, problem } = await request('/access-token', {
      body: { code, redirect_uri: origin + callbackPath },
      valid: hasToken,
    });
    state.view = data ? 'tokens' : 'start';
    if (problem) return { ...problem, after: problem.hint || problem.cause ? null : 'codeIsGone' };
    state.short = {
      text: data.access_token,
      userId: data.user_id,
      received: state.now,
      expires: state.now + SHORT_LIFE,
      refreshFrom: null,
    };
    state.login.busy = null;
    findAccount(account, data.access_token);
    findScopes(scopes, data.access_token);
    show('short-heading');
  });
}

/** Trades a token for one that lives 60 days; `slot` keeps it. */
function lengthen(slot, token, problemId, headingId) {
  return run(slot, 'lengthening', problemId, async () => {
    slot.token = null;
    draw();
    const { data, problem } = await request('/long-lived-access-token', { token, valid: hasToken });
    if (problem) return problem;
    slot.token = longToken(data, state.now);
    slot.refreshed = false;
    slot.busy = null;
    show(headingId);
  });
}

function withPasted(busy, work) {
  const { paste } = state;
  return run(paste, busy, 'paste-problem', async () => {
    Object.assign(paste, { inspection: null, long: { ...task(), token: null } });
    draw();
    const { token, problem } = readPasted($('token').value);
    if (problem) return { text: problem, hintText: `${problem}Hint` };
    return work(paste, token);
  });
}

const refresh = () => withPasted('refreshing', async (paste, token) => {
  const { data, problem } = await request('/refresh-access-token', { token, valid: hasToken });
  if (problem) return problem;
  paste.long = { ...task(), token: longToken(data, state.now), refreshed: true };
  paste.busy = null;
  show('pasted-long-heading');
});

const inspect = () => withPasted('inspecting', async (paste, token) => {
  const { data, problem } = await request('/debug-token', { token, valid: (body) => Boolean(body.data) });
  if (problem) return problem;
  paste.inspection = { token, data: data.data, account: { ...task(), person: null } };
  paste.busy = null;
  findAccount(paste.inspection.account, token);
  show('inspection-heading');
});

// ---- explaining an error of Meta's own page

async function explain() {
  state.report.answer = null;
  draw();
  const { readReport } = await import('./causes.js').catch(() => ({}));
  const report = readReport?.($('report-text').value) ?? { kind: 'unreachable' };
  if (report.error) report.cause = await causeOf('findAnywhere', report.error);
  if (report.cause === undefined && report.error) report.kind = 'unreachable';
  state.report.answer = report;
  show('report-problem');
}

// ---- the calendar file

async function toCalendar(place) {
  const t = texts[state.language];
  const { paste, long, account } = state;
  const [token, { person }] = {
    'inspection-keep': () => [classify(paste.inspection.data, state.now), paste.inspection.account],
    'pasted-long': () => [paste.long.token, paste.inspection?.account ?? {}],
    long: () => [long.token, account],
  }[place]();
  const { calendar, reminderTime } = await import('./calendar.js');
  const whose = person ? t.whose(person.username) : '';
  const file = calendar([
    { at: reminderTime(token.expires, state.now), title: t.reminderTitle(whose), about: t.reminderAbout(dateOf(token.expires, { dateStyle: 'long', timeStyle: 'short' })) },
    { at: token.expires, title: t.endTitle(whose), about: t.endAbout },
  ], { id: makeState(crypto.getRandomValues(new Uint8Array(16))), now: state.now, url: `${origin}/auth` });
  const url = URL.createObjectURL(new Blob([file], { type: 'text/calendar' }));
  Object.assign(document.createElement('a'), { href: url, download: 'threads-token.ics' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  announce(t.calendarDone);
}

// ---- copying

function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

async function copy(button) {
  const t = texts[state.language];
  const code = button.parentElement.querySelector('code');
  let done = false;
  try {
    // Absent on plain http; may be forbidden elsewhere.
    await navigator.clipboard.writeText(code.textContent);
    done = true;
  } catch {
    select(code);
    done = document.execCommand('copy');
  }
  state.copied = done ? button : null;
  draw();
  announce(done ? t.copied : t.copyFailed);
  setTimeout(() => {
    if (state.copied === button) state.copied = null;
    draw();
  }, 2500);
}

function announce(text) {
  write($('announcement'), '');
  // A live region speaks only of changes, also when the same is said twice.
  setTimeout(() => write($('announcement'), text), 50);
  setTimeout(() => write($('announcement'), ''), 2500);
}

// ---- the buttons

$('login-button').addEventListener('click', login);
$('get-long').addEventListener('click', () => lengthen(state.long, state.short.text, 'long-problem', 'long-heading'));
$('get-long-pasted').addEventListener('click', () => (
  lengthen(state.paste.long, state.paste.inspection.token, 'inspected-problem', 'pasted-long-heading')));
$('refresh').addEventListener('click', refresh);
$('paste-form').addEventListener('submit', (event) => {
  event.preventDefault();
  inspect();
});
$('reveal').addEventListener('click', () => {
  state.revealed = !state.revealed;
  draw();
});
$('again').addEventListener('click', () => {
  Object.assign(state, fresh());
  $('token').value = '';
  draw();
  $('login-button').focus();
});
$('switch').addEventListener('click', ({ target }) => {
  Object.assign(state, { language: target.lang, languageChosen: true });
  cleanAddress(state.language);
  draw();
});
$('choices').addEventListener('click', (event) => {
  const { target } = event;
  if (target.type !== 'checkbox') return;
  if (!state.chosen || target.matches('[aria-disabled]')) event.preventDefault();
  else state.chosen = [...$('choices').querySelectorAll(':checked')].map((box) => box.value);
  setTimeout(draw); // once the browser has done or undone its own ticking
});
$('report-form').addEventListener('submit', (event) => {
  event.preventDefault();
  explain();
});
document.addEventListener('click', ({ target }) => {
  if (target.matches?.('.copy')) copy(target);
  if (target.matches?.('.calendar')) toCalendar(target.closest('#inspection-keep, section').id);
});

// Back from Threads without an answer: the page as it was left, with a button that works again.
addEventListener('pageshow', ({ persisted }) => {
  if (!persisted) return;
  state.login.busy = null;
  draw();
});
function tick() {
  state.now = clock();
  draw();
}
setInterval(tick, 10_000);
document.addEventListener('visibilitychange', tick);

// ---- the start

if (arrival.kind === 'denied') {
  // An address that may be anybody's puts no words of its own onto the page.
  state.login.problem = arrival.text === null
    ? { text: 'denied', hintText: 'deniedUnchecked' }
    : { text: 'denied', said: arrival.text };
}
if (arrival.kind === 'refused') state.login.problem = { text: arrival.why, hintText: `${arrival.why}Hint` };
draw();
if (state.login.problem) $('login-problem').focus();
if (arrival.kind === 'denied' && arrival.text && !/denied/i.test(arrival.text)) {
  causeOf('findCause', { step: 'window', message: arrival.text }).then((cause) => {
    if (cause) Object.assign(state.login.problem, { cause, detail: arrival.text });
    draw();
  });
}
if (arrival.kind === 'tool') {
  Object.assign(state, { view: 'tool', tool: arrival.address });
  show('tool-heading');
}
if (arrival.kind === 'code') exchange(arrival.code);
loadConfig();
