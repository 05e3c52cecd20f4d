// A network of its own for a test file that needs addresses which this machine does not have: nothing of it is left
// behind, and other tests may do the same at the same time.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const setUp = (addresses) => ['ip link set lo up', ...addresses.map((address) => `ip -6 address add ${address}/128 dev lo nodad`)];

// Runs the file again in a network namespace where the addresses exist, and ends as that ends; there it returns false.
// Where no namespace can be made it returns the reason, for {skip}.
export async function ownNetwork(file, addresses) {
  const commands = setUp(addresses);
  if (process.env.THREADS_OWN_NETWORK) {
    for (const command of commands) execFileSync('/bin/sh', ['-c', command]);
    return false;
  }
  const trial = spawnSync('unshare', ['--net', '/bin/sh', '-c', commands.slice(0, 2).join(' && ')], { encoding: 'utf8' });
  if (trial.status !== 0) return `no network of its own can be made here: ${trial.stderr ?? trial.error.message}`;
  // Should this process be killed, the other one is told so and cleans up.
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', 'unshare', '--net', process.execPath, ...process.execArgv, fileURLToPath(file)],
    { stdio: 'inherit', env: { ...process.env, THREADS_OWN_NETWORK: 'yes' } });
  const [status] = await once(child, 'exit');
  process.exit(status ?? 1);
}
