// Requests made of the description: for each operation what it allows, and what it does not with the status that this
// must have. The same seed makes the same requests. A request is {name, method, path, bytes, from, status}.
import { formatRequest } from '../lib/http.mjs';

const allMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'];
const mostBody = 16 * 1024;

/** Numbers in [0, 1) by mulberry32. */
export function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Requests {
  #description;
  #random;

  constructor(description, seed) {
    this.#description = description;
    this.#random = randomNumbers(seed);
  }

  #below(most) { return Math.floor(this.#random() * most); }
  #pick(list) { return list[this.#below(list.length)]; }

  #text(alphabet, longest = 200) {
    return Array.from({ length: 1 + this.#below(longest) }, () => this.#pick(alphabet)).join('');
  }

  // A string that the schema allows: one of its examples where it is particular, else any that JSON and a form can hold.
  #string(schema) {
    if (schema.pattern || this.#below(4) === 0) return this.#pick(schema.examples);
    return this.#text([...'abcXYZ0189-_.~!*\'();:@&=+$,/?#[] %"\\<>{}|^`\n\t\u0000äß漢字🧵']);
  }

  #form(fields) {
    return fields.map(([name, value]) => `${name}=${encodeURIComponent(value).replace(/[!'()*~]/g, (c) => `%${c.charCodeAt(0).toString(16)}`)}`).join('&');
  }

  // The request's parts as the description wants them: {query, headers, body}.
  #parts(operation, scheme) {
    const query = (operation.parameters ?? []).filter(({ required }) => required || this.#below(2))
      .map(({ name, schema }) => [name, this.#string(this.#description.schema(schema))]);
    const headers = {};
    if (scheme?.type === 'apiKey') query.push([scheme.name, this.#string({ examples: ['THQFakeToken0000'] })]);
    else if (scheme) headers.Authorization = `${this.#pick(['Bearer', 'bearer'])} ${this.#text([...'abcXYZ0189-_.~+/='])}`;
    const [type, schema] = this.#description.body(operation) ?? [];
    const parts = { query: query.length ? this.#form(query) : undefined, headers, fields: {} };
    if (!type) return parts;
    headers['Content-Type'] = type + this.#pick(['', '; charset=utf-8']);
    for (const [name, member] of Object.entries(schema.properties)) parts.fields[name] = this.#string(this.#description.schema(member));
    const more = this.#below(2) ? { other: this.#pick([1, 'x', null, true]) } : {};
    parts.body = type === 'application/json' ? JSON.stringify({ ...parts.fields, ...more }) : this.#form(Object.entries({ ...parts.fields, ...more }));
    return parts;
  }

  // `count` requests for each way to give the token.
  valid(count) {
    return this.#description.operations().flatMap(([method, path, operation]) => {
      const schemes = operation.security.length ? operation.security.map((one) => this.#description.security(Object.keys(one)[0])) : [undefined];
      const methods = method === 'GET' ? ['GET', 'HEAD'] : [method];
      return schemes.flatMap((scheme) => methods.flatMap((name) => Array.from({ length: count }, () => (
        this.#request(name, path, operation, { name: 'as described', ...this.#parts(operation, scheme) })))));
    });
  }

  #request(method, path, operation, { name, status, query, headers, body, bytes = formatRequest({ method, path, query, headers, body }, 'localhost'), from }) {
    const local = '403' in operation.responses;
    return { name: `${method} ${path}, ${name}`, method, path, status, bytes, from: from ?? (local ? '127.0.0.1' : undefined) };
  }

  invalid() {
    return this.#description.operations().flatMap(([method, path, operation]) => [
      ...this.#methods(method, path),
      ...this.#badHttp(method, path, operation),
      ...this.#badToken(operation),
      ...this.#badParameters(operation),
      ...this.#badBody(operation),
    ].map((one) => this.#request(one.method ?? method, path, operation, one)));
  }

  // Methods that the path does not take.
  #methods(method, path) {
    const taken = this.#description.operations().filter(([, other]) => other === path).flatMap(([name]) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
    return allMethods.filter((name) => !taken.includes(name)).map((name) => ({ name: 'wrong method', method: name, body: '', status: 405 }));
  }

  // What no server of HTTP takes.
  #badHttp(method, path, operation) {
    const page = '304' in operation.responses;
    const lines = (...more) => Buffer.from([`${method} ${path} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...more, '', ''].join('\r\n'));
    return [
      { name: 'two Hosts', bytes: lines('Host: other'), status: 400 },
      { name: 'a header without a name', bytes: lines(': x'), status: 400 },
      { name: 'HTTP/3.0', bytes: Buffer.from(`${method} ${path} HTTP/3.0\r\nHost: localhost\r\n\r\n`), status: 505 },
      { name: 'headers too long', bytes: lines(`X-Long: ${'x'.repeat(20_000)}`), status: 431 },
      { name: 'an unknown transfer encoding', bytes: lines('Transfer-Encoding: gzip'), status: 501 },
      { name: 'a Content-Length that is no number', bytes: lines('Content-Length: five'), status: 400 },
      { name: 'a body too long', headers: { 'Content-Type': 'application/json' }, body: ' '.repeat(mostBody + 1 + this.#below(50_000)), status: 413 },
      { name: 'a query too long', query: `x=${'y'.repeat((page ? 17_000 : 8_192) + this.#below(1000))}`, body: method === 'POST' ? '' : undefined, status: 414 },
      ...(page ? [
        { name: 'If-Match with another ETag', bytes: lines('If-Match: "other"'), status: 412 },
        { name: 'If-Unmodified-Since long ago', bytes: lines('If-Unmodified-Since: Thu, 01 Jan 1970 00:00:01 GMT'), status: 412 },
      ] : []),
      ...('403' in operation.responses ? [{ name: 'from another machine', bytes: lines(), from: '127.0.0.2', status: 403 }] : []),
    ];
  }

  #badToken(operation) {
    const key = operation.security.map((one) => this.#description.security(Object.keys(one)[0])).find(({ type }) => type === 'apiKey');
    if (!key) return [];
    const token = () => this.#text([...'abcXYZ0189'], 40);
    return [
      { name: 'no token', status: 422 },
      { name: 'an empty token', query: `${key.name}=`, status: 422 },
      { name: 'a token twice', query: `${key.name}=${token()}&${key.name}=${token()}`, status: 422 },
      { name: 'a token by another name', query: `token=${token()}`, status: 422 },
      { name: 'an empty bearer', headers: { Authorization: 'Bearer ' }, status: 422 },
      { name: 'another scheme', headers: { Authorization: `Basic ${token()}` }, status: 422 },
      { name: 'a bad percent sign', query: `${key.name}=${token()}%${this.#pick(['', '4', 'zz', '-1'])}`, status: 400 },
      { name: 'a query that is not UTF-8', query: `${key.name}=${token()}%${this.#pick(['ff', 'c0%80', 'ed%a0%80', 'e4'])}`, status: 400 },
      { name: 'a header that is not UTF-8', headers: { Authorization: `Bearer ${token()}\xff` }, status: 400 },
    ];
  }

  // No query is an error for a page; the deletion's has a page that says so.
  #badParameters(operation) {
    return (operation.parameters ?? []).filter(({ required }) => required).flatMap(({ name }) => [
      { name: `no ${name}`, status: 404 },
      { name: `an empty ${name}`, query: `${name}=`, status: 404 },
      { name: `a ${name} of another kind`, query: `${name}=${this.#text([...'ghXYZ0189-'])}`, status: 404 },
      { name: `a ${name} that cannot be decoded`, query: `${name}=%zz`, status: 404 },
    ]);
  }

  #badBody(operation) {
    const [type, schema] = this.#description.body(operation) ?? [];
    if (!type) return [];
    const { headers, body, fields } = this.#parts(operation);
    const names = Object.keys(fields);
    const isJson = type === 'application/json';
    const as = (name, text, status) => ({ name, headers, body: text, status });
    const latin = (text) => Buffer.from(text, 'latin1');
    const badUtf8 = latin(this.#pick(['\xff', '\xc0\x80', '\xed\xa0\x80', '\xe4']));
    const common = [
      ...['text/plain', 'multipart/form-data; boundary=x', isJson ? 'application/x-www-form-urlencoded' : 'application/json', '']
        .map((other) => ({ name: `Content-Type: ${other}`, headers: { 'Content-Type': other }, body, status: 415 })),
      { name: 'no Content-Type', body, status: 415 },
      as('a body that is not UTF-8', Buffer.concat([Buffer.from(body), badUtf8]), 400),
      as('no body', '', isJson ? 422 : 400),
    ];
    if (!isJson) {
      const form = this.#form(Object.entries(fields));
      return [...common,
        ...names.map((name) => as(`no ${name}`, this.#form(Object.entries(fields).filter(([other]) => other !== name)), 400)),
        as('all twice', `${form}&${form}`, 400), as('a bad percent sign', `${form}%zz`, 400), as('decoded it is not UTF-8', `${form}%ff`, 400)];
    }
    const json = JSON.stringify(fields);
    return [...common,
      ...schema.required.flatMap((name) => [
        as(`no ${name}`, JSON.stringify({ ...fields, [name]: undefined }), 422),
        as(`${name} twice`, `${json.slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(this.#string({ examples: ['x'] }))}}`, 422),
        ...[null, true, this.#below(1e9), [fields[name]], { [name]: fields[name] }].map(
          (value) => as(`${name} is ${JSON.stringify(value).slice(0, 20)}`, JSON.stringify({ ...fields, [name]: value }), 422)),
      ]),
      ...['null', 'true', '5', '-1.5e300', '"x"', '[]', `[${json}]`].map((text) => as(`the body is ${text.slice(0, 20)}`, text, 422)),
      ...Array.from({ length: 8 }, () => as('JSON that is cut off', json.slice(0, this.#below(json.length)), 422)),
      ...['{"code":}', "{'code':'x'}", '{"code":"x",}', `${json}${json}`, '{"code":"\\ud800"}', '['.repeat(1000), 'code=x', '{"code":"\u0001"}'].map(
        (text) => as(`no JSON: ${text.slice(0, 20)}`, text, 422)),
    ];
  }
}
