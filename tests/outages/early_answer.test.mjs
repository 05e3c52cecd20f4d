// A server that answers a POST before it has read the body and resets the stream without an error
// (RFC 9113 §8.1), as nginx's `return` does and an edge that says 429. An answer that came whole counts.
// Where libcurl 7.88 to 8.x finds the stream closed before it has handed on the answer's headers, the answer
// is lost within libcurl: that takes a server that answers within microseconds.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { assertNothingLeaked, code } from '../lib/canaries.mjs';
import { Certificates } from '../lib/certificates.mjs';
import { Connection } from '../lib/fastcgi.mjs';
import { startProgram, writeEnv } from '../lib/servers.mjs';
import { freePort, Stage } from '../lib/stage.mjs';

const stage = new Stage();
after(() => stage.close());

const login = {
  method: 'POST', path: '/access-token', headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ code, redirect_uri: 'https://login.example.com/' }),
};

test('no caller gets an error for an answer that came whole', async () => {
  const certificates = new Certificates(stage);
  const authority = certificates.authority('early-ca');
  const { cert, key } = certificates.server('early', { issuer: authority });
  const port = await freePort();
  const file = (name, text) => stage.write(name, text, 0o600);
  const nginx = stage.spawn('nginx', 'nginx', ['-e', 'stderr', '-p', stage.dir, '-c', file('nginx.conf', `
daemon off; pid nginx.pid; error_log stderr error;
events { worker_connections 512; }
http {
  access_log off; keepalive_requests 1000000;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path temp-${kind};`).join(' ')}
  server {
    listen 127.0.0.1:${port} ssl http2;
    ssl_certificate ${file('early.pem', cert)};
    ssl_certificate_key ${file('early.key', key)};
    location / { default_type application/json; return 200 '{"access_token":"t"}'; }
  }
}`)]);
  await stage.ready(nginx, { host: '127.0.0.1', port });
  const program = await startProgram(stage, {
    envFile: writeEnv(stage, { THREADS_API_URL: `https://localhost:${port}`, THREADS_CA_FILE: authority.file, THREADS_TIMEOUT: '10' }),
  });
  let whole = 0;
  const failures = [];
  await Promise.all(Array.from({ length: 50 }, async () => {
    const connection = await Connection.open(program.address);
    for (let i = 0; i < 200; i += 1) {
      const reply = await connection.request(login, { keep: true });
      if (reply.status === 200) whole += 1; else failures.push(reply.text);
    }
    connection.close();
  }));
  assert.deepEqual(failures.filter((text) => text.includes('"status":200')), []);
  assert.ok(whole > 9_000, `${whole} of 10,000`);
});

test('nothing leaked', () => assertNothingLeaked(stage));
