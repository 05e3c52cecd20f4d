// The benchmark: every contender in turns, round after round, and what came of it. See tests/bench/run.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { Stage, root } from '../lib/stage.mjs';
import { cpu, family, foreign, machine, median, memory, peak, wrk } from './measure.mjs';
import { chart, judge, table } from './report.mjs';
import * as servers from './servers.mjs';

const rounds = Number(process.env.BENCH_ROUNDS ?? 5);
const seconds = Number(process.env.BENCH_SECONDS ?? 4);
const many = 8000;  // callers of one worker: two descriptors each
const likewise = Math.round(5000 * 50 / many);  // ms after which 50 callers get as many answers a second as these after 5 s

const stage = new Stage();
let closing;
const close = () => { closing ??= stage.close(); return closing; };
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.removeAllListeners(signal);  // the stage's own kills, and nginx's workers outlive a master that is killed
  process.on(signal, async () => {
    await close();
    process.exit(130);
  });
}

const names = process.argv.slice(2);
const wanted = (name) => names.length === 0 || names.includes(name);
const say = (text) => process.stdout.write(text);

// A contender behind nginx: its name, its process and the way from nginx to it.
const behind = (name, it, way) => ({ name, it, way });
const program = async (url, workers, way = servers.kept) => behind(
  `program, ${workers} worker${workers > 1 ? 's' : ''}, ${way === servers.kept ? 'kept' : 'unkept'}`,
  await servers.startProgram(stage, { url, workers }), way,
);
const ceiling = (url) => ({ name: 'nginx proxy_pass', way: () => servers.proxied(new URL(url).host) });
const php = async (url) => behind('PHP-FPM, 16 children', await servers.startPhp(stage, { url }), (it) => servers.php(it, stage));
const node = async (url, client) => behind(`Node + Express, ${client === 'fetch' ? 'fetch' : 'http.request'}`, await servers.startNode(stage, { url, client }), (it) => servers.proxied(`127.0.0.1:${it.port}`));
// Alone it leaves the machine half idle, where everything costs less; as many as 8 keep it as busy as the program's callers do.
const curlLoop = (url, processes = 1) => ({
  name: processes === 1 ? 'one libcurl handle in a loop' : `${processes} such loops at once, each a process`,
  loop: `${url}/oauth/access_token`,
  processes,
});

// Ends what is no longer measured, before anything else is.
async function end(...processes) {
  for (const it of processes.filter(Boolean)) {
    it.child.kill('SIGTERM');
    await it.exited;
  }
}

async function checkAnswer(contender) {
  const answer = await fetch(`http://127.0.0.1:${contender.port}/access-token`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: servers.body,
  });
  const text = await answer.text();
  if (answer.status !== 200 || text !== servers.answer) throw new Error(`${contender.name} answers ${answer.status}: ${text}`);
}

async function turn(contender, front, callers, time) {
  if (contender.loop) {
    const all = Array.from({ length: contender.processes }, () => (
      stage.spawn('curl_loop', path.join(stage.dir, 'curl_loop'), [contender.loop, servers.form, String(time)])));
    for (const it of all) await it.exited;
    const found = all.map((it) => JSON.parse(it.out));
    const sum = (figure) => found.reduce((total, one) => total + figure(one), 0);
    const requests = sum((one) => one.requests);
    return {
      p50_ms: median(found.map((one) => one.p50_ms)),
      p99_ms: median(found.map((one) => one.p99_ms)),
      failures: sum((one) => one.failures),
      peak_mb: sum((one) => one.peak_mb),
      rps: sum((one) => one.requests / one.seconds),
      cpu_us: sum((one) => one.cpu_us * one.requests) / requests,
    };
  }
  const own = contender.it ? family(contender.it.pid) : [];
  const nginx = family(front.pid);
  const before = [cpu(own), cpu(nginx)];
  const { requests, seconds: took, ...rest } = await wrk(stage, contender.port, { callers, seconds: time });
  return {
    ...rest,
    rps: requests / took,
    cpu_us: contender.it ? (cpu(own) - before[0]) / requests : null,
    nginx_us: (cpu(nginx) - before[1]) / requests,
    peak_mb: contender.it ? peak(own) : null,
  };
}

// All contenders in turns; the first one is what the others are compared with.
async function compare(title, callers, contenders) {
  const inFront = contenders.filter((contender) => contender.way);
  const { it: front, ports } = await servers.startFront(stage, inFront.map((contender) => contender.way(contender.it)));
  inFront.forEach((contender, i) => { contender.port = ports[i]; });
  for (const contender of inFront) await checkAnswer(contender);
  for (const contender of contenders) await turn(contender, front, callers, 1);

  const turns = contenders.map(() => []);
  for (let round = 1; round <= rounds; round += 1) {
    say(`${title}: round ${round} of ${rounds}\n`);
    for (const [i, contender] of contenders.entries()) turns[i].push(await turn(contender, front, callers, seconds));
  }
  await end(front, ...contenders.map((contender) => contender.it));

  const middle = (i, key) => (turns[i][0][key] == null ? null : median(turns[i].map((one) => one[key])));
  // Within a round the machine is the same for all.
  const ratio = (i, key) => (turns[i][0][key] == null ? null : median(turns[i].map((one, round) => turns[0][round][key] / one[key])));
  return {
    title,
    callers,
    rows: contenders.map(({ name }, i) => ({
      name,
      rps: middle(i, 'rps'),
      p50_ms: middle(i, 'p50_ms'),
      p99_ms: middle(i, 'p99_ms'),
      cpu_us: middle(i, 'cpu_us'),
      nginx_us: middle(i, 'nginx_us'),
      peak_mb: turns[i][0].peak_mb == null ? null : Math.max(...turns[i].map((one) => one.peak_mb)),
      failures: turns[i].reduce((sum, one) => sum + one.failures, 0),
      program_rps: ratio(i, 'rps'),
      program_cpu: ratio(i, 'cpu_us'),
      turns: turns[i],
    })),
  };
}

// Callers straight at one worker. Gives the phases of fastcgi_load, with CPU per exchange and memory.
async function direct(url, callers, start, measured) {
  const it = await servers.startProgram(stage, { url });
  const load = stage.spawn('fastcgi_load', path.join(stage.dir, 'fastcgi_load'),
    [it.socket, String(callers), String(start), String(measured), servers.body], { stdio: ['pipe', 'pipe', 'inherit'] });
  const phases = {};
  let before = 0;
  for await (const line of createInterface({ input: load.child.stdout })) {
    const now = cpu([it.pid]);
    const { phase, ...figures } = JSON.parse(line);
    phases[phase] = { ...figures, cpu_us: (now - before) / figures.requests, memory_mb: memory(it.pid) };
    before = now;
    if (phase === 'finished') break;
  }
  if (!phases.finished) throw new Error('fastcgi_load ended early');
  phases.peak_mb = peak([it.pid]);
  phases.failures = phases.started.failures + phases.measured.failures + phases.finished.failures;
  load.child.stdin.end();
  await load.exited;
  await end(it);
  return phases;
}

// One worker with many in flight at once, and with many idle. Few callers at the same rate are the measure.
async function scale() {
  say(`One worker, ${many} exchanges in flight\n`);
    const inFlight = await direct(api.get(5000), many, 5, Math.max(2.5 * seconds, 5));
  say(`One worker, 50 exchanges in flight at the same rate\n`);
  const few = await direct(api.get(likewise), 50, 1, Math.max(2.5 * seconds, 5));
  say(`One worker, ${many} idle kept connections\n`);
  const idle = await direct(api.get(0), many, 5, 0);
  return { callers: many, inFlight, few, idle };
}

let api;
try {
  const [began, foreignBefore] = [Date.now(), foreign()];
  stage.copy(path.join(root, 'tests/bench/wrk.lua'), 'wrk.lua');
  for (const name of ['curl_loop', 'fastcgi_load']) stage.copy(path.join(root, 'build/bench', name), name);
  api = await servers.startUpstream(stage, [100, 5000, likewise]);
  const now = api.get(0);
  const result = { machine: machine(), rounds, seconds, scenarios: {} };
  const { scenarios } = result;
  if (wanted('at-once')) {
    scenarios.atOnce = await compare('Upstream at once, 50 callers', 50, [
      await program(now, 1), await program(now, 2), await program(now, 1, servers.unkept), await program(now, 2, servers.unkept),
      ceiling(now), curlLoop(now), curlLoop(now, 8), await php(now), await node(now, 'fetch'), await node(now, 'http'),
    ]);
  }
  if (wanted('slow')) {
    const slow = api.get(100);
    scenarios.slow = await compare('Upstream after 100 ms, 1,000 callers', 1000, [
      await program(slow, 1), await program(slow, 2), await program(slow, 1, servers.unkept), ceiling(slow), await node(slow, 'http'),
    ]);
  }
  if (wanted('alone')) {
    scenarios.alone = await compare('Upstream at once, one caller', 1, [await program(now, 1), ceiling(now), curlLoop(now)]);
  }
  if (wanted('scale')) result.scale = await scale();
  // The machine's sum is counted by ticks, the processes' times are exact: nothing can come out a little below 0.
  result.others = Math.max(0, (foreign() - foreignBefore) / 1000 / (Date.now() - began) / os.cpus().length);
  result.figures = judge(result);
  result.minutes = (Date.now() - began) / 60_000;
  say(`\n${table(result)}`);
  fs.writeFileSync(path.join(root, 'build/bench.json'), `${JSON.stringify(result, null, 1)}\n`);
  if (scenarios.atOnce) fs.writeFileSync(path.join(root, 'build/bench.svg'), chart(result));
  say('\nbuild/bench.json has every turn, build/bench.svg the chart.\n');
} catch (error) {
  if (!closing) {
    process.exitCode = 1;
    process.stderr.write(`bench: ${error.stack}\n`);
  }
} finally {
  await close();
}
