// The page at work: one state, one draw(), and the buttons between them. What a login, a token or an
// answer means is decided in login.js and api.js; the words are in texts.js.

import { ask } from './api.js';
import {
  SHORT_LIFE, REFRESH_AGE, amount, authorizationUrl, classify, curl, duration, expiryOf, makeState,
  pictureOf, readCallback, readPasted,
} from './login.js';
import { choose, texts } from './texts.js';

const CALLBACK = '/auth/callback';
const STATE_KEY = 'threads-login-state';
const { origin } = location;
const $ = (id) => document.getElementById(id);

const task = () => ({ busy: null, problem: null });
const fresh = () => ({
  view: 'start', // 'start' | 'exchanging' | 'tokens'
  login: task(),
  short: null,
  account: { ...task(), person: null },
  long: { ...task(), token: null },
  paste: { ...task(), inspection: null, long: { ...task(), token: null } },
});
const state = {
  language: choose(navigator.languages ?? []),
  config: null,
  now: Date.now(),
  revealed: false,
  copied: null,
  ...fresh(),
};

// ---- the address: before anything else, and before the first await

function takeState() {
  try {
    const kept = sessionStorage.getItem(STATE_KEY);
    sessionStorage.removeItem(STATE_KEY);
    return kept;
  } catch {
    return null;
  }
}

const { href } = location;
if (location.search || href.includes('#')) history.replaceState(null, '', location.pathname);
const arrival = readCallback(href, takeState);

// ---- drawing

const cards = {};
for (const id of ['short', 'long', 'pasted-long']) {
  const card = $('card').content.cloneNode(true);
  card.querySelector('h2').id = `${id}-heading`;
  $(id).append(card);
  cards[id] = $(id);
}
for (const place of document.querySelectorAll('.curl')) place.append($('curl').content.cloneNode(true));
for (const place of document.querySelectorAll('.account')) place.append($('person').content.cloneNode(true));
cards.short.querySelector('.about').after($('account'));

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function drawRow(value, text) {
  value.parentElement.hidden = !text;
  write(value, text || '');
}

function drawTime(value, ms, note) {
  value.parentElement.hidden = ms === null;
  if (ms === null) return;
  if (!value.firstChild) value.append(document.createElement('time'), document.createElement('span'));
  const [time, span] = value.children;
  time.dateTime = new Date(ms).toISOString();
  // The date is in the person's own way of writing it, which need not be the page's language.
  time.lang = navigator.language || state.language;
  write(time, new Intl.DateTimeFormat(navigator.language, { dateStyle: 'long', timeStyle: 'short' }).format(ms));
  span.hidden = !note;
  write(span, note || '');
}

function left(t, ms) {
  if (ms === null) return '';
  if (ms <= state.now) return t.expired;
  return t.left(duration(ms - state.now, state.language) || t.lessThanAMinute);
}

function sentences(t, problem) {
  const own = problem.text === 'unreadable' ? t.unreadable(problem.status) : t[problem.text];
  const fields = problem.fields?.map(({ name, message }) => t.field(name, message)).join(' · ');
  const wait = problem.retryAt && Math.max(1, Math.ceil((problem.retryAt - problem.since) / 1000));
  const when = wait && (wait <= 90
    ? t.tryIn(amount(wait, 'second', state.language))
    : t.tryAt(new Intl.DateTimeFormat(navigator.language, { timeStyle: 'short' }).format(problem.retryAt)));
  return [
    t[problem.before], fields ?? problem.detail ?? own, problem.said && t.deniedBy(problem.said),
    problem.hint ?? t[problem.hintText], when, t[problem.after],
  ].filter(Boolean);
}

function drawProblem(t, element, problem) {
  element.hidden = !problem;
  const lines = problem ? sentences(t, problem) : [];
  if (lines.join('\n') === [...element.children].map((line) => line.textContent).join('\n')) return;
  element.replaceChildren(...lines.map((text) => {
    const line = document.createElement('p');
    line.textContent = text;
    return line;
  }));
}

function drawTask(t, prefix, { busy, problem }, ...buttons) {
  write($(`${prefix}-status`), busy ? t[busy] : '');
  drawProblem(t, $(`${prefix}-problem`), problem);
  // Not `disabled`: that would throw the keyboard's focus away.
  for (const button of buttons) $(button).setAttribute('aria-disabled', String(Boolean(busy)));
}

function drawCopy(t, place, what) {
  const button = place.querySelector('.copy');
  const done = state.copied === button;
  button.classList.toggle('done', done);
  write(button, done ? t.copied : t.copy);
  button.setAttribute('aria-label', done ? t.copied : t.copyWhat(what));
}

function drawCurl(t, place, line, about, what) {
  write(place.querySelector('p'), about);
  write(place.querySelector('pre code'), line);
  place.querySelector('pre').setAttribute('aria-label', `${what}, curl`);
  drawCopy(t, place, `${what}, curl`);
}

function drawCard(t, card, token, words) {
  card.hidden = !token;
  if (!token) return write(card.querySelector('.token code'), '');
  const [heading, about, path] = words;
  write(card.querySelector('h2'), t[heading]);
  write(card.querySelector('.about'), t[about]);
  write(card.querySelector('.token code'), token.text);
  drawCopy(t, card.querySelector('.token'), t[heading]);
  drawTime(card.querySelector('.expires'), token.expires, left(t, token.expires));
  const life = token.expires === null ? 0 : token.expires - token.received;
  const share = life ? Math.min(1, Math.max(0, (token.expires - state.now) / life)) : 0;
  card.querySelector('.thread i').style.setProperty('--left', share.toFixed(3));
  drawTime(card.querySelector('.refresh-from'), token.refreshFrom);
  drawRow(card.querySelector('.token-type'), token.type);
  drawRow(card.querySelector('.user-id'), token.userId);
  drawCurl(t, card.querySelector('.curl'), path ? curl.token(origin, path) : curl.code(origin),
    path ? t.curlToken : t.curlCode, t[heading]);
}

function drawAccount(t, place, { busy, problem, person }) {
  const [face, text, alert] = place.children;
  face.hidden = text.hidden = Boolean(problem);
  place.classList.toggle('waiting', Boolean(busy));
  write(place.querySelector('.name'), busy ? t[busy] : person?.name ?? '');
  write(place.querySelector('.username'), person ? `@${person.username}` : '');
  drawProblem(t, alert, problem);
  const picture = person?.picture ?? '';
  if (face.dataset.picture === picture) return;
  face.dataset.picture = picture;
  face.replaceChildren();
  if (!picture) return;
  const image = new Image(48, 48);
  image.referrerPolicy = 'no-referrer';
  image.addEventListener('error', () => image.remove());
  image.alt = t.pictureOf(person.name);
  image.src = picture;
  face.append(image);
}

function drawInspection(t, inspection) {
  $('inspection').hidden = !inspection;
  if (!inspection) return;
  const { data } = inspection;
  const token = classify(data, state.now);
  write($('verdict'), t.verdicts[token.verdict]);
  $('verdict').className = `verdict ${token.verdict}`;
  drawAccount(t, $('inspected-account'), inspection.account);
  drawRow($('is-valid'), token.verdict === 'expired' || data.is_valid !== true ? t.no : t.yes);
  drawRow($('type'), data.type);
  drawRow($('application'), data.application);
  drawTime($('issued'), token.issued);
  drawTime($('expires'), token.expires, left(t, token.expires));
  drawTime($('refresh-from'), token.refreshFrom);
  drawRow($('granted'), Array.isArray(data.scopes) ? data.scopes.join(', ') : '');
  drawRow($('user-id'), data.user_id);
  drawCurl(t, $('inspection-curl'), curl.token(origin, '/debug-token'), t.curlToken, t.inspectionHeading);
  $('inspected-next').hidden = token.verdict !== 'short';
}

function draw() {
  const t = texts[state.language];
  const { view, config, short, long, paste } = state;
  document.documentElement.lang = state.language;
  for (const element of document.querySelectorAll('[data-text]')) {
    if (!element.matches('.copy, #reveal')) write(element, t[element.dataset.text]);
  }

  // Both stand in one place, so that the answer of /config moves nothing.
  $('lead').classList.toggle('away', Boolean(config?.sandbox));
  $('rehearsal').classList.toggle('away', !config?.sandbox);
  $('again').hidden = view !== 'tokens';

  $('login').hidden = view === 'tokens';
  drawTask(t, 'login', state.login, 'login-button');
  $('asks').hidden = view !== 'start';
  write($('app-id'), config?.app_id ?? '…');
  write($('scopes'), config?.scope?.split(',').join(', ') ?? '…');
  write($('redirect-uri'), origin + CALLBACK);

  $('paste').hidden = view !== 'start';
  drawTask(t, 'paste', paste, 'inspect', 'refresh');
  $('token').classList.toggle('masked', !state.revealed);
  write($('reveal'), state.revealed ? t.hide : t.show);
  $('reveal').setAttribute('aria-label', `${state.revealed ? t.hide : t.show} ${t.token}`);
  drawInspection(t, view === 'start' ? paste.inspection : null);
  drawTask(t, 'inspected', paste.long, 'get-long-pasted');
  drawCard(t, cards['pasted-long'], view === 'start' ? paste.long.token : null, paste.long.refreshed
    ? ['refreshedHeading', 'refreshedAbout', '/refresh-access-token']
    : ['longHeading', 'longAbout', '/long-lived-access-token']);

  drawCard(t, cards.short, short, ['shortHeading', 'shortAbout', null]);
  drawAccount(t, $('account'), state.account);
  $('next').hidden = !short;
  drawTask(t, 'long', long, 'get-long');
  drawCard(t, cards.long, long.token, ['longHeading', 'longAbout', '/long-lived-access-token']);
}

// ---- asking the server

const clock = () => Date.now();
const request = async (path, options) => {
  const answer = await ask(path, { fetch: window.fetch.bind(window), now: clock, ...options });
  state.now = clock();
  if (answer.problem) answer.problem.since = state.now;
  return answer;
};
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
    draw();
    return problem;
  });
}

function login() {
  return run(state.login, 'opening', 'login-problem', async () => {
    const problem = await loadConfig();
    if (problem) return problem;
    const random = makeState(crypto.getRandomValues(new Uint8Array(24)));
    let address;
    try {
      address = authorizationUrl(state.config, origin + CALLBACK, random);
    } catch {
      return { text: 'badConfig', hintText: 'badConfigHint' };
    }
    try {
      sessionStorage.setItem(STATE_KEY, random);
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

function exchange(code) {
  state.view = 'exchanging';
  const { account } = state;
  return run(state.login, 'exchanging', 'login-problem', async () => {
    const { data, problem } = await request('/access-token', {
      body: { code, redirect_uri: origin + CALLBACK },
      valid: hasToken,
    });
    state.view = data ? 'tokens' : 'start';
    if (problem) return { ...problem, after: problem.hint ? null : 'codeIsGone' };
    state.short = {
      text: data.access_token,
      userId: data.user_id,
      received: state.now,
      expires: state.now + SHORT_LIFE,
      refreshFrom: null,
    };
    state.login.busy = null;
    findAccount(account, data.access_token);
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
  write($('announcement'), '');
  state.copied = done ? button : null;
  draw();
  // A live region speaks only of changes, also when the same is copied twice.
  setTimeout(() => write($('announcement'), done ? t.copied : t.copyFailed), 50);
  setTimeout(() => {
    if (state.copied === button) state.copied = null;
    write($('announcement'), '');
    draw();
  }, 2500);
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
document.addEventListener('click', ({ target }) => {
  if (target.matches?.('.copy')) copy(target);
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

if (arrival.kind === 'denied') state.login.problem = { text: 'denied', said: arrival.text };
if (arrival.kind === 'refused') state.login.problem = { text: arrival.why, hintText: `${arrival.why}Hint` };
draw();
if (state.login.problem) $('login-problem').focus();
if (arrival.kind === 'code') exchange(arrival.code);
loadConfig();
