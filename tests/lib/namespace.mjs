// Runs a test file in network and mount namespaces of its own, where it may lose packets, break name
// servers and bind-mount files of /etc. They go away with its last process, whatever happens.
import { execFileSync, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';

const MARK = 'THREADS_TEST_NAMESPACE';

// Why there are no namespaces here, or undefined inside of them. Called first thing by a test file: outside
// it runs the file again inside and ends with its status.
export function enterNamespace() {
  if (process.env[MARK]) {
    ip('link set lo up');
    return undefined;
  }
  const flags = ['--net', '--mount', '--propagation', 'private'];
  const probe = spawnSync('unshare', [...flags, 'true'], { encoding: 'utf8' });
  if (probe.status !== 0) return `no namespaces here: ${(probe.error?.message ?? probe.stderr).trim()}`;
  const { status } = spawnSync('unshare', [...flags, process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  process.exit(status ?? 1);
}

// ip(8) with the words of a line.
export function ip(words) {
  execFileSync('ip', words.split(' '), { stdio: ['ignore', 'pipe', 'pipe'] });
}

// From now on every packet between these two TCP ports is lost, in both directions. Other connections
// work. Gives a function that ends it.
export function loseConnection(port, otherPort) {
  // The kernel looks into the table of local addresses first, by a rule of preference 0: rules can only
  // be put before it once it has moved.
  const rules = execFileSync('ip', ['rule'], { encoding: 'utf8' });
  if (/^0:/m.test(rules)) {
    ip('rule add pref 100 lookup local');
    ip('rule del pref 0');
  }
  const directions = [[port, otherPort], [otherPort, port]].map(([from, to]) => `ipproto tcp sport ${from} dport ${to} blackhole`);
  for (const direction of directions) ip(`rule add pref 10 ${direction}`);
  return () => { for (const direction of directions) ip(`rule del pref 10 ${direction}`); };
}

// Everybody in the namespace sees this text in place of the file. Gives a function that changes the text.
export function replaceFile(stage, file, text) {
  const copy = stage.write(`etc${file.replaceAll('/', '-')}`, text, 0o644);
  execFileSync('mount', ['--bind', copy, file]);
  return (next) => fs.writeFileSync(copy, next);
}

// The machine's only name server. It answers A queries with `address`; 'NXDOMAIN': there is no such name;
// null: it says nothing.
export class NameServer {
  static async start(stage) {
    const server = new NameServer();
    server.address = null;
    server.queries = 0;
    server.socket = dgram.createSocket('udp4', (query, peer) => server.#reply(query, peer));
    server.socket.bind(53, '127.0.0.53');
    await once(server.socket, 'listening');
    stage.closers.push(() => new Promise((resolve) => { server.socket.close(resolve); }));
    replaceFile(stage, '/etc/resolv.conf', 'nameserver 127.0.0.53\n');
    replaceFile(stage, '/etc/nsswitch.conf', 'hosts: files dns\n');
    return server;
  }

  // RFC 1035 §4.1: header, the question as it came, one A record for a query of type A, else none.
  #reply(query, peer) {
    this.queries += 1;
    if (this.address === null) return;
    const known = this.address !== 'NXDOMAIN';
    const end = query.indexOf(0, 12) + 5;
    const isA = known && query.readUInt16BE(end - 4) === 1;
    const head = Buffer.from(query.subarray(0, 12));
    head.writeUInt16BE(known ? 0x8180 : 0x8183, 2);
    head.writeUInt16BE(isA ? 1 : 0, 6);
    head.fill(0, 8);
    const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...(this.address.split('.').map(Number))]);
    this.socket.send(Buffer.concat([head, query.subarray(12, end), ...(isA ? [record] : [])]), peer.port, peer.address);
  }
}
