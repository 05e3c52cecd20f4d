// What the page shows: draw() puts a state into index.html's elements, and changes only what differs.
// The state is app.js's; what its values mean is decided in login.js, setup.js and causes.js.

import { amount, callbackPath, classify, curl, duration, keep, readScopes } from './login.js';
import { addressProblem, callbackUrls, isAppId } from './setup.js';
import { texts } from './texts.js';

export const $ = (id) => document.getElementById(id);
const { origin } = location;
const urls = callbackUrls(origin);
const badAddress = addressProblem(location);

let state;
let t;

export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function make(tag, className = '', text = '') {
  return Object.assign(document.createElement(tag), { className, textContent: text });
}

// ---- the templates, filled in once

const clone = (name) => $(name).content.cloneNode(true);
const each = (selector, work) => document.querySelectorAll(selector).forEach(work);
const cards = {};
for (const id of ['short', 'long', 'pasted-long']) {
  const card = clone('card');
  card.querySelector('h2').id = `${id}-heading`;
  $(id).append(card);
  cards[id] = $(id);
}
each('.curl', (place) => place.append(clone('curl')));
each('.account', (place) => place.append(clone('person')));
const addLines = (place, lines) => Object.keys(lines).forEach(() => place.append(clone('line')));
each('.keep', (place) => {
  place.append(clone('keep'));
  addLines(place.querySelector('.lines'), keep(origin));
});
addLines($('urls'), urls);
cards.short.querySelector('.about').after($('account'));
cards.short.querySelector('dl').after($('scopes'));

// ---- times and sentences

/** The person's own way of writing the page's language. */
function locale() {
  const base = state.language.split('-')[0];
  return (navigator.languages ?? []).find((tag) => tag.split('-')[0] === base) ?? state.language;
}

export function dateOf(ms, options, language = locale()) {
  return new Intl.DateTimeFormat(language, options).format(ms);
}

function drawRow(value, text) {
  value.parentElement.hidden = !text;
  write(value, text || '');
}

function drawTime(value, ms, note) {
  value.parentElement.hidden = ms === null;
  if (ms === null) return;
  if (!value.firstChild) value.append(make('time'), make('span'));
  const [time, span] = value.children;
  time.dateTime = new Date(ms).toISOString();
  write(time, dateOf(ms, { dateStyle: 'long', timeStyle: 'short' }));
  span.hidden = !note;
  write(span, note || '');
}

function left(ms) {
  if (ms === null) return '';
  if (ms <= state.now) return t.expired;
  return t.left(duration(ms - state.now, state.language) || t.lessThanAMinute);
}

function explained(cause) {
  const { what, why, do: advice } = cause[state.language] ?? cause.en;
  return [what, why, advice];
}

function sentences(problem) {
  const own = problem.text === 'unreadable' ? t.unreadable(problem.status) : t[problem.text];
  const fields = problem.fields?.map(({ name, message }) => t.field(name, message)).join(' · ');
  const detail = fields ?? problem.detail;
  const wait = problem.retryAt && Math.max(1, Math.ceil((problem.retryAt - problem.since) / 1000));
  const when = wait && (wait <= 90
    ? t.tryIn(amount(wait, 'second', state.language))
    : t.tryAt(dateOf(problem.retryAt, { timeStyle: 'short' })));
  const reason = problem.cause
    ? [...explained(problem.cause), when, problem.detail && t.deniedBy(problem.detail)]
    : [detail ? t.serverSays(detail) : own, problem.said && t.deniedBy(problem.said),
      problem.hint ?? t[problem.hintText], when];
  return [t[problem.before], ...reason, t[problem.after]].filter(Boolean);
}

function drawLines(element, lines) {
  if (lines.join('\n') === [...element.children].map((line) => line.textContent).join('\n')) return;
  element.replaceChildren(...lines.map((text) => make('p', '', text)));
}

function drawProblem(element, problem) {
  element.hidden = !problem;
  drawLines(element, problem ? sentences(problem) : []);
}

function drawTask(prefix, { busy, problem }, ...buttons) {
  write($(`${prefix}-status`), busy ? t[busy] : '');
  drawProblem($(`${prefix}-problem`), problem);
  // Not `disabled`: that would throw the keyboard's focus away.
  for (const button of buttons) $(button).setAttribute('aria-disabled', String(Boolean(busy)));
}

// ---- what can be copied

function drawCopy(place, what) {
  const button = place.querySelector('.copy');
  const done = state.copied === button;
  button.classList.toggle('done', done);
  write(button, done ? t.copied : t.copy);
  button.setAttribute('aria-label', done ? t.copied : t.copyWhat(what));
}

function drawLine(place, line, what) {
  write(place.querySelector('pre code'), line);
  place.querySelector('pre').setAttribute('aria-label', what);
  drawCopy(place, what);
}

function drawLabelled(list, lines) {
  Object.entries(lines).forEach(([name, line], index) => {
    write(list.children[2 * index], t[name]);
    drawLine(list.children[2 * index + 1], line, t[name]);
  });
}

function drawCurl(place, line, about, what) {
  write(place.querySelector('p'), about);
  drawLine(place, line, `${what}, curl`);
}

// ---- before the login

function drawChoices() {
  const { config, chosen } = state;
  write($('chosen'), chosen ? t.chosen(chosen.length) : '');
  const known = Object.keys(t.permissionLines);
  const names = [...known, ...readScopes(config?.scope).filter((name) => !known.includes(name))];
  if ($('choices').children.length !== names.length) {
    $('choices').replaceChildren(...names.map((name) => {
      const item = make('li');
      const label = item.appendChild(make('label'));
      const box = Object.assign(label.appendChild(make('input')), { type: 'checkbox', value: name });
      if (name === known[0]) box.setAttribute('aria-disabled', 'true');
      label.append(make('code', '', name), make('span'));
      return item;
    }));
  }
  for (const { firstChild: label } of $('choices').children) {
    const [box, name, line] = label.children;
    box.checked = chosen?.includes(box.value) ?? box.value === known[0];
    write(line, t.permissionLines[name.textContent] ?? t.unknownPermission);
  }
}

function drawSetup() {
  const { config } = state;
  const badId = Boolean(config) && !isAppId(config.app_id);
  $('address-problem').hidden = !badAddress;
  write($('address-what'), badAddress ? t[badAddress] : '');
  const port = location.port || (location.protocol === 'https:' ? 443 : 80);
  write($('tunnels'), `ngrok http ${port}\ncloudflared tunnel --url http://localhost:${port}`);
  drawLabelled($('urls'), urls);
  write($('app-id'), config?.app_id ?? '…');
  $('app-id-problem').hidden = !badId;

  // All three stand in one place, so that the answer of /config moves nothing.
  const wrong = config && !config.sandbox && (badAddress || badId);
  $('rehearsal').classList.toggle('away', !config?.sandbox);
  $('setup-wrong').classList.toggle('away', !wrong);
  $('lead').classList.toggle('away', Boolean(config?.sandbox || wrong));
}

function drawReport({ answer }) {
  $('report-problem').hidden = !answer;
  if (!answer) return;
  const { kind, cause, appId, redirectUri } = answer;
  const { config } = state;
  const own = { empty: 'reportEmpty', code: 'reportCode', address: 'reportAddress', window: 'reportWindow', unreachable: 'unreachable' }[kind] ?? 'reportUnknown';
  const others = kind === 'window' && config ? [
    appId !== config.app_id && t.reportOtherApp(appId, config.app_id),
    redirectUri !== origin + callbackPath && t.reportOtherRedirect(redirectUri, origin + callbackPath),
  ].filter(Boolean) : [];
  drawLines($('report-problem'), (cause && explained(cause))
    || (others.length ? [t.reportOther, ...others] : [t[own], t[`${own}Hint`]].filter(Boolean)));
}

// ---- tokens

function drawAccount(place, { busy, problem, person }) {
  const [face, text, alert] = place.children;
  face.hidden = text.hidden = Boolean(problem);
  place.classList.toggle('waiting', Boolean(busy));
  write(place.querySelector('.name'), busy ? t[busy] : person?.name ?? '');
  write(place.querySelector('.username'), person ? `@${person.username}` : '');
  drawProblem(alert, problem);
  const picture = person?.picture ?? '';
  const image = face.firstChild;
  if (image) image.alt = t.pictureOf(person?.name);
  if (face.dataset.picture === picture) return;
  face.dataset.picture = picture;
  face.replaceChildren();
  if (!picture) return;
  const fresh = new Image(48, 48);
  fresh.referrerPolicy = 'no-referrer';
  fresh.addEventListener('error', () => fresh.remove());
  fresh.alt = t.pictureOf(person.name);
  fresh.src = picture;
  face.append(fresh);
}

/** Asked for and granted, side by side. */
function drawScopes({ asked, granted, busy }) {
  const names = [...new Set([...asked, ...granted ?? []])];
  const lacking = granted && asked.some((name) => !granted.includes(name));
  const rows = names.map((name) => [
    name, asked.includes(name) ? t.yes : t.no, granted?.includes(name) ? t.yes : granted ? t.no : busy ? '…' : '–',
  ]);
  const body = $('scopes').querySelector('tbody');
  if (body.dataset.rows !== rows.join('|')) {
    body.dataset.rows = rows.join('|');
    body.replaceChildren(...rows.map(([name, ...cells]) => {
      const row = make('tr');
      const head = Object.assign(row.appendChild(make('th')), { scope: 'row' });
      // A long name may break where it has an underscore.
      head.appendChild(make('code')).append(...name.split(/(?<=_)/).flatMap((part) => [part, make('wbr')]));
      row.append(...cells.map((text) => make('td', text === t.no ? 'lacks' : '', text)));
      return row;
    }));
  }
  write($('scopes-note'), lacking ? t.missing : !granted && !busy ? t.grantedUnknown : '');
}

function drawKeep(place, lasting) {
  place.hidden = !lasting;
  if (lasting) drawLabelled(place.querySelector('.lines'), keep(origin));
}

function drawCard(card, token, [heading, about, path]) {
  card.hidden = !token;
  if (!token) return write(card.querySelector('.token code'), '');
  const find = (selector) => card.querySelector(selector);
  const lasting = token.refreshFrom !== null && token.expires !== null;
  write(find('h2'), t[heading]);
  write(find('.about'), t[about]);
  write(find('.token code'), token.text);
  drawCopy(find('.token'), t[heading]);
  drawTime(find('.issued'), token.received);
  drawTime(find('.expires'), token.expires, left(token.expires));
  const life = token.expires === null ? 0 : token.expires - token.received;
  const share = life ? Math.min(1, Math.max(0, (token.expires - state.now) / life)) : 0;
  find('.thread i').style.setProperty('--left', share.toFixed(3));
  drawTime(find('.refresh-from'), token.refreshFrom);
  drawTime(find('.refresh-by'), lasting ? token.expires : null);
  drawRow(find('.token-type'), token.type);
  drawRow(find('.user-id'), token.userId);
  drawKeep(find('.keep'), lasting);
  drawCurl(find('.curl'), path ? curl.token(origin, path) : curl.code(origin),
    path ? t.curlToken : t.curlCode, t[heading]);
}

function drawInspection(inspection) {
  $('inspection').hidden = !inspection;
  if (!inspection) return;
  const { data } = inspection;
  const token = classify(data, state.now);
  const alive = token.refreshFrom !== null && token.expires !== null;
  write($('verdict'), t.verdicts[token.verdict]);
  $('verdict').className = `verdict ${token.verdict}`;
  drawAccount($('inspected-account'), inspection.account);
  drawRow($('is-valid'), token.verdict === 'expired' || data.is_valid !== true ? t.no : t.yes);
  drawRow($('kind'), t.kinds[token.kind]);
  drawRow($('type'), data.type);
  drawRow($('application'), data.application);
  drawTime($('issued'), token.issued);
  drawTime($('expires'), token.expires, left(token.expires));
  drawTime($('refresh-from'), token.refreshFrom);
  drawTime($('refresh-by'), alive ? token.expires : null);
  drawRow($('granted'), Array.isArray(data.scopes) ? data.scopes.join(', ') : '');
  drawRow($('user-id'), data.user_id);
  drawKeep($('inspection-keep'), alive);
  drawCurl($('inspection-curl'), curl.token(origin, '/debug-token'), t.curlToken, t.inspectionHeading);
  $('inspected-next').hidden = token.verdict !== 'short';
}

// ---- all of it

export function draw(current) {
  state = current;
  t = texts[state.language];
  const { view, short, long, paste } = state;
  const atStart = view === 'start';
  document.documentElement.lang = state.language;
  each('[data-text]', (element) => {
    if (!element.matches('.copy, #reveal')) write(element, t[element.dataset.text]);
  });
  const other = Object.keys(texts).find((language) => language !== state.language);
  $('switch').lang = other;
  write($('switch'), texts[other].language);
  $('again').hidden = view !== 'tokens' && view !== 'tool';

  $('login').hidden = view === 'tokens' || view === 'tool';
  drawTask('login', state.login, 'login-button');
  $('drawers').hidden = !atStart;
  drawChoices();
  drawSetup();
  drawReport(state.report);

  $('paste').hidden = !atStart;
  drawTask('paste', paste, 'inspect', 'refresh');
  $('token').classList.toggle('masked', !state.revealed);
  write($('reveal'), state.revealed ? t.hide : t.show);
  $('reveal').setAttribute('aria-label', `${state.revealed ? t.hide : t.show} ${t.token}`);
  drawInspection(atStart ? paste.inspection : null);
  drawTask('inspected', paste.long, 'get-long-pasted');
  drawCard(cards['pasted-long'], atStart ? paste.long.token : null, paste.long.refreshed
    ? ['refreshedHeading', 'refreshedAbout', '/refresh-access-token']
    : ['longHeading', 'longAbout', '/long-lived-access-token']);

  $('tool').hidden = view !== 'tool';
  write($('tool').querySelector('code'), view === 'tool' ? state.tool : '');
  drawCopy($('tool'), t.toolHeading);

  drawCard(cards.short, short, ['shortHeading', 'shortAbout', null]);
  drawAccount($('account'), state.account);
  drawScopes(state.scopes);
  $('next').hidden = !short;
  drawTask('long', long, 'get-long');
  drawCard(cards.long, long.token, ['longHeading', 'longAbout', '/long-lived-access-token']);
}
