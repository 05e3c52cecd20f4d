// www/openapi.json as a judge of answers: what it does not describe is a complaint, and so is in the end what it
// describes and nobody has seen. Its objects are closed for that: a member that is not described is one too many.
import fs from 'node:fs';
import path from 'node:path';
import { npm } from '../lib/npm.mjs';
import { root } from '../lib/stage.mjs';

const { default: Ajv } = npm('ajv/dist/2020.js');
const { default: addFormats } = npm('ajv-formats');

export const readDocument = () => JSON.parse(fs.readFileSync(path.join(root, 'www/openapi.json'), 'utf8'));

/** "METHOD /path" of each row in the program's own table. */
export function programsEndpoints() {
  const source = fs.readFileSync(path.join(root, 'src/threads/endpoints.cc'), 'utf8');
  return [...source.matchAll(/\bEndpoint\{\s*"([A-Z]+)",\s*"([^"]+)",/g)].map(([, method, where]) => `${method} ${where}`);
}

// What says nothing about the API: HTTP's own headers, and those that info.description or a page's CSP stand for.
const unsaid = new Set(['date', 'server', 'connection', 'content-type', 'content-length', 'transfer-encoding', 'x-content-type-options', 'referrer-policy',
  'x-frame-options', 'cross-origin-opener-policy', 'cross-origin-resource-policy', 'permissions-policy']);

const mediaType = (text) => text.split(';').map((part) => part.trim().toLowerCase());

function close(node) {
  if (node === null || typeof node !== 'object') return;
  if (typeof node.$ref === 'string') node.$ref = node.$ref.replace(/^#/, 'document#');
  if (node.type === 'object' && node.properties) node.additionalProperties ??= false;
  Object.values(node).forEach(close);
}

export class Description {
  #document;
  #ajv = new Ajv({ strict: false, allErrors: true });
  #validators = new Map();
  #seen = new Set();        // "METHOD /path STATUS"
  #members = new Map();     // a schema -> the names of its members that were seen

  constructor(document) {
    this.#document = structuredClone(document);
    close(this.#document);
    addFormats(this.#ajv);
    this.#ajv.addSchema(this.#document, 'document');
  }

  #resolve(node) {
    if (!node?.$ref) return node;
    return node.$ref.split('#/')[1].split('/').reduce((at, part) => at[part.replaceAll('~1', '/').replaceAll('~0', '~')], this.#document);
  }

  /** [method, path, operation] of all, the method in capitals. */
  operations() {
    return Object.entries(this.#document.paths).flatMap(
      ([where, item]) => Object.entries(item).map(([method, operation]) => [method.toUpperCase(), where, operation]));
  }

  schema(node) { return this.#resolve(node); }

  /** The one body of an operation as [media type, schema], or nothing. */
  body(operation) {
    const content = this.#resolve(operation.requestBody)?.content;
    return content && Object.entries(content).map(([type, { schema }]) => [type, this.#resolve(schema)])[0];
  }

  security(name) { return this.#document.components.securitySchemes[name]; }

  /** What is wrong with a value, as text; empty if nothing is. */
  validate(schema, value) {
    if (!this.#validators.has(schema)) this.#validators.set(schema, this.#ajv.compile(schema));
    const valid = this.#validators.get(schema);
    return valid(value) ? '' : this.#ajv.errorsText(valid.errors);
  }

  /** What of an answer is not as described: a list of sentences. The request is {method, path}. */
  judge({ method, path: where }, answer) {
    const item = this.#document.paths[where];
    if (!item) return [`${where} is not described`];
    const key = method === 'HEAD' ? 'get' : method.toLowerCase();
    if (!item[key] && answer.status !== 405) return [`${method} ${where} is not described, and its answer is ${answer.status}`];
    // Another method is answered as each operation of the path says.
    return (item[key] ? [key] : Object.keys(item)).flatMap((name) => {
      const what = `${name.toUpperCase()} ${where} ${answer.status}`;
      const response = this.#resolve(item[name].responses[answer.status]);
      if (!response) return [`${what} is not described`];
      this.#seen.add(what);
      return [...this.#judgeHeaders(response, answer), ...this.#judgeBody(response, method, answer)].map((complaint) => `${what}: ${complaint}`);
    });
  }

  #judgeHeaders(response, answer) {
    const described = Object.entries(response.headers ?? {}).map(([name, header]) => [name.toLowerCase(), this.#resolve(header)]);
    const known = new Set(described.map(([name]) => name));
    return [
      ...answer.headers.map(([name]) => name.toLowerCase()).filter((name) => !known.has(name) && !unsaid.has(name))
        .map((name) => `the header ${name} is not described`),
      ...['x-content-type-options', 'referrer-policy'].filter((name) => !answer.get(name)).map((name) => `${name} is missing`),
      ...described.flatMap(([name, { required, schema }]) => {
        const values = answer.all(name);
        if (values.length === 0) return required ? [`the header ${name} is missing`] : [];
        if (values.length > 1) return [`the header ${name} came ${values.length} times`];
        const wrong = this.validate(schema, values[0]);
        return wrong ? [`the header ${name}: ${wrong}`] : [];
      }),
    ];
  }

  #judgeBody(response, method, answer) {
    if (!response.content) return answer.text === '' ? [] : [`a body that is not described: ${answer.text}`];
    const [type, ...parameters] = mediaType(answer.get('content-type') ?? '');
    const [, content] = Object.entries(response.content).find(([described]) => {
      const [essence, ...demanded] = mediaType(described);
      return essence === type && demanded.every((parameter) => parameters.includes(parameter));
    }) ?? [];
    if (!content) return [`the content type ${answer.get('content-type')} is not described`];
    if (method === 'HEAD') return answer.text === '' ? [] : ['a HEAD has a body'];
    let value = answer.text;
    if (type === 'application/json') {
      try {
        value = JSON.parse(answer.text);
      } catch (error) {
        return [`no JSON: ${error.message}`];
      }
    }
    this.#mark(content.schema, value);
    const wrong = this.validate(content.schema, value);
    return wrong ? [`${wrong} in ${answer.text.slice(0, 500)}`] : [];
  }

  #mark(node, value) {
    const schema = this.#resolve(node);
    if (Array.isArray(value) && schema.items) for (const item of value) this.#mark(schema.items, item);
    if (!schema.properties || value === null || typeof value !== 'object') return;
    if (!this.#members.has(schema)) this.#members.set(schema, new Set());
    for (const [name, member] of Object.entries(value)) {
      if (!schema.properties[name]) continue;
      this.#members.get(schema).add(name);
      this.#mark(schema.properties[name], member);
    }
  }

  /** What is described of answers and was not seen by judge(): statuses as "METHOD /path STATUS", members as "Schema.member". */
  unseen() {
    const statuses = this.operations().flatMap(([method, where, { responses }]) => Object.keys(responses).map((status) => `${method} ${where} ${status}`));
    return [...statuses.filter((what) => !this.#seen.has(what)), ...this.members().filter(([schema, name]) => !this.#members.get(schema)?.has(name))
      .map(([, name, label]) => `${label}.${name}`)];
  }

  /** [schema, name, label] of each member that an answer may have. */
  members() {
    const found = [];
    const visited = new Set();
    const visit = (node, label) => {
      const schema = this.#resolve(node);
      if (visited.has(schema)) return;
      visited.add(schema);
      const named = node.$ref?.split('/').at(-1) ?? label;
      if (schema.items) visit(schema.items, named);
      for (const [name, member] of Object.entries(schema.properties ?? {})) {
        found.push([schema, name, named]);
        visit(member, `${named}.${name}`);
      }
    };
    for (const [, , { responses }] of this.operations()) {
      for (const response of Object.values(responses)) for (const { schema } of Object.values(this.#resolve(response).content ?? {})) visit(schema, '');
    }
    return found;
  }
}
