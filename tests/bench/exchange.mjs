// The same exchange in Node + Express: JSON in, a form to the upstream, its JSON out; to the upstream by
// fetch, as most such handlers are written, or by http.request with kept connections, which costs least.
// Usage: exchange.mjs PORT fetch|http   (PACKAGES is where express is installed; THREADS_* as for the program)
import http from 'node:http';
import { createRequire } from 'node:module';

const express = createRequire(process.env.PACKAGES)('express');
const agent = new http.Agent({ keepAlive: true });
const { THREADS_API_URL, THREADS_APP_ID, THREADS_APP_SECRET } = process.env;

async function postByFetch(url, form) {
  const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
  const answer = await fetch(url, { method: 'POST', headers, body: form, signal: AbortSignal.timeout(10_000) });
  return { status: answer.status, body: await answer.text() };
}

function postByHttp(url, form) {
  return new Promise((resolve, reject) => {
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded', 'Content-Length': Buffer.byteLength(form) };
    const request = http.request(url, { method: 'POST', agent, headers, timeout: 10_000 }, (answer) => {
      let body = '';
      answer.setEncoding('utf8');
      answer.on('data', (part) => { body += part; });
      answer.on('end', () => resolve({ status: answer.statusCode, body }));
      answer.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error('timeout')));
    request.on('error', reject);
    request.end(form);
  });
}

const post = process.argv[3] === 'fetch' ? postByFetch : postByHttp;
const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.use(express.json({ limit: '16kb' }));
app.post('/access-token', async (request, response) => {
  const { code, redirect_uri } = request.body;
  if (typeof code !== 'string' || typeof redirect_uri !== 'string') {
    response.status(422).json({ detail: 'code and redirect_uri are required' });
    return;
  }
  const form = new URLSearchParams({
    client_id: THREADS_APP_ID,
    client_secret: THREADS_APP_SECRET,
    redirect_uri,
    code,
    grant_type: 'authorization_code',
  });
  try {
    const answer = await post(`${THREADS_API_URL}/oauth/access_token`, form.toString());
    if (answer.status !== 200) throw new Error('refused');
    JSON.parse(answer.body);
    response.set('Cache-Control', 'no-store').type('json').send(answer.body);
  } catch {
    response.status(502).json({ detail: 'no answer' });
  }
});
const server = app.listen(Number(process.argv[2]), '127.0.0.1', 4096);
server.keepAliveTimeout = 75_000;
process.on('SIGTERM', () => process.exit(0));
