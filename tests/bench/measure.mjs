// Numbers from /proc and from wrk.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { execFileSync, spawnSync } from 'node:child_process';
import { root } from '../lib/stage.mjs';
import { body } from './servers.mjs';

const TICKS = Number(execFileSync('getconf', ['CLK_TCK']));

// The process and all that descend from it.
export function family(pid) {
  const children = fs.readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => fs.readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').split(' ').filter(Boolean));
  return [pid, ...children.flatMap(family)];
}

// CPU time of the processes in µs.
export function cpu(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);  // utime, stime: 14 and 15 in proc(5), which counts the name too
  }
  return ticks / TICKS * 1e6;
}

// CPU time in µs that the machine has spent on other programs than those that we started, and that a
// host has taken from it (steal). What came of it in a whole run spoils the figures.
export function foreign() {
  const [user, nice, system, , , irq, softirq, steal] = fs.readFileSync('/proc/stat', 'utf8').split('\n')[0].split(/ +/).slice(1).map(Number);
  const ended = fs.readFileSync('/proc/self/stat', 'utf8').replace(/^.*\) /, '').split(' ').slice(13, 15).map(Number);
  return (user + nice + system + irq + softirq + steal - ended[0] - ended[1]) / TICKS * 1e6 - cpu(family(process.pid));
}

function megabytes(file, name) {
  return Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(fs.readFileSync(file, 'utf8'))[1]) / 1024;
}

export const memory = (pid) => megabytes(`/proc/${pid}/status`, 'VmRSS');

// Peak memory of one process. Of several it is what they have now, what they share counted once.
export function peak(pids) {
  if (pids.length === 1) return megabytes(`/proc/${pids[0]}/status`, 'VmHWM');
  return pids.reduce((sum, pid) => sum + megabytes(`/proc/${pid}/smaps_rollup`, 'Pss'), 0);
}

export async function wrk(stage, port, { callers, seconds }) {
  const threads = Math.min(callers, os.cpus().length);
  const it = stage.spawn('wrk', 'wrk', ['-t', String(threads), '-c', String(callers), '-d', `${seconds}s`, '--timeout', '15s',
    '-s', path.join(stage.dir, 'wrk.lua'), `http://127.0.0.1:${port}/access-token`], { env: { BENCH_BODY: body } });
  await it.exited;
  const found = /^RESULT (.*)$/m.exec(it.out);
  if (!found) throw new Error(`wrk failed:\n${it.out}${it.err}`);
  return JSON.parse(found[1]);
}

export function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function version(command, args, pattern) {
  try {
    return pattern.exec(spawnSync(command, args, { encoding: 'utf8' }).output.join(''))[1];
  } catch {
    return '?';
  }
}

export function machine() {
  let debian = '';
  try { debian = /^PRETTY_NAME="?(.*?)"?$/m.exec(fs.readFileSync('/etc/os-release', 'utf8'))[1]; } catch { /* says nothing then */ }
  return {
    cpu: os.cpus()[0].model.trim(),
    cores: os.cpus().length,
    memory_gb: Math.round(os.totalmem() / 2 ** 30),
    kernel: os.release(),
    system: debian,
    nginx: version('nginx', ['-v'], /nginx\/(\S+)/),
    libcurl: version(path.join(root, 'build/bench/curl_loop'), ['--version'], /libcurl\/(\S+)/),
    php: version('php-fpm' + fs.readdirSync('/etc/php').sort().at(-1), ['-v'], /PHP (\S+)/),
    node: process.versions.node,
    express: JSON.parse(fs.readFileSync(path.join(root, 'build/bench/npm/node_modules/express/package.json'), 'utf8')).version,
    wrk: version('wrk', ['-v'], /wrk (?:debian\/)?(\S+)/),
  };
}
