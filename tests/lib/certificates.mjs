// Certificates for the TLS tests, made by openssl in the stage's folder. All keys are thrown away with it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const config = `
[ca]
default_ca = ca_default
[ca_default]
new_certs_dir = .
database = index
rand_serial = yes
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
`;

export class Certificates {
  constructor(stage) {
    this.dir = stage.folder('certificates');
    fs.writeFileSync(path.join(this.dir, 'ca.cnf'), config);
    fs.writeFileSync(path.join(this.dir, 'index'), '');
  }

  // A CA: {key, cert, file} with PEM texts and the certificate's path.
  authority(name, issuer) {
    return this.#issue(name, { subject: `/CN=${name}`, extensions: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign', issuer });
  }

  // A server's certificate. names: subjectAltName; from, until: YYYYMMDDHHMMSSZ.
  server(name, { issuer, names = 'DNS:localhost,IP:127.0.0.1', subject = '/CN=localhost', from, until, usage = 'serverAuth' }) {
    const lines = ['basicConstraints=CA:FALSE', `extendedKeyUsage=${usage}`];
    if (names) lines.push(`subjectAltName=${names}`);
    return this.#issue(name, { subject, extensions: lines.join('\n'), issuer, from, until });
  }

  #issue(name, { subject, extensions, issuer, from = '20200101000000Z', until = '20490101000000Z' }) {
    const at = (file) => path.join(this.dir, file);
    const openssl = (...args) => execFileSync('openssl', args, { cwd: this.dir, stdio: ['ignore', 'pipe', 'pipe'] });
    fs.writeFileSync(at(`${name}.ext`), extensions);
    openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', subject, '-keyout', `${name}.key`, '-out', `${name}.csr`);
    const signer = issuer ? ['-cert', issuer.file, '-keyfile', issuer.keyFile] : ['-selfsign', '-keyfile', `${name}.key`];
    openssl('ca', '-batch', '-notext', '-config', 'ca.cnf', ...signer, '-in', `${name}.csr`, '-out', `${name}.pem`, '-extfile', `${name}.ext`, '-startdate', from, '-enddate', until);
    fs.chmodSync(at(`${name}.pem`), 0o644);
    return { key: fs.readFileSync(at(`${name}.key`)), cert: fs.readFileSync(at(`${name}.pem`)), file: at(`${name}.pem`), keyFile: at(`${name}.key`) };
  }
}
