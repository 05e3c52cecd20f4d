// What the numbers say: tables, the figures that were promised, a chart.

const number = (value, digits = 0) => (value == null ? '–' : value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits }));

function grid(head, rows) {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells) => `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |\n`;
  const rule = `|${widths.map((width, i) => (i === 0 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|\n`;
  return line(head) + rule + rows.map(line).join('');
}

function comparison({ title, rows }) {
  const head = [title, 'req/s', 'p50 ms', 'p99 ms', 'CPU µs', 'nginx µs', 'peak MB', 'failed', 'req/s: program ×', 'CPU: program ×'];
  return grid(head, rows.map((row) => [row.name, number(row.rps), number(row.p50_ms, 2), number(row.p99_ms, 2), number(row.cpu_us, 1),
    number(row.nginx_us, 1), number(row.peak_mb, 1), number(row.failures), number(row.program_rps, 2), number(row.program_cpu, 2)]));
}

function scaleTable({ callers, inFlight, few, idle }) {
  const row = (name, run, phase) => [name, number(phase.requests / phase.seconds), number(phase.cpu_us, 1), number(phase.memory_mb, 1),
    number(run.peak_mb, 1), number(phase.config.p99_ms, 1), number(phase.config.max_ms, 1), number(run.failures)];
  return grid(['One worker, callers straight at it', 'req/s', 'CPU µs', 'memory MB', 'peak MB', '/config p99 ms', '/config max ms', 'failed'], [
    row(`${number(callers)} in flight, upstream after 5 s`, inFlight, inFlight.measured),
    row('50 in flight at the same rate', few, few.measured),
    row(`${number(callers)} idle kept connections, after one login each`, idle, idle.started),
  ]);
}

// The figures that the project promises, each with what was measured.
export function judge({ scenarios: { atOnce, slow, alone }, scale }) {
  const of = (scenario, name) => scenario.rows.find((row) => row.name.startsWith(name));
  const figures = [];
  const most = (what, value, limit, digits, unit = '') => figures.push({ what, value: `${number(value, digits)}${unit}`, target: `≤ ${limit}${unit}`, met: value <= limit });
  const least = (what, value, limit, digits, unit = '') => figures.push({ what, value: `${number(value, digits)}${unit}`, target: `≥ ${limit}${unit}`, met: value >= limit });
  if (atOnce) {
    // As many workers as are faster here: what an operator would choose.
    const [one, two] = atOnce.rows;
    const faster = (name) => of(atOnce, name).program_rps * Math.max(1, two.rps / one.rps);
    most('At once, 50 callers: CPU per exchange ÷ one libcurl loop', of(atOnce, 'one libcurl').program_cpu, 1, 2);
    most('At once, 50 callers: CPU per exchange ÷ libcurl loops on a machine as busy', of(atOnce, '8 such').program_cpu, 1, 2);
    least('At once, 50 callers: req/s ÷ nginx proxy_pass', faster('nginx'), 0.42, 2);
    least('At once, 50 callers: req/s ÷ PHP-FPM', faster('PHP'), 4.5, 1);
    least('At once, 50 callers: req/s ÷ Node + Express with fetch', faster('Node + Express, fetch'), 10, 1);
    least('At once, 50 callers: req/s ÷ Node + Express with http.request', faster('Node + Express, http'), 10, 1);
  }
  if (slow) {
    least('100 ms, 1,000 callers: of the ideal 10,000/s', slow.rows[0].rps / 100, 85, 0, ' %');
    most('100 ms, 1,000 callers: p99', slow.rows[0].p99_ms, 250, 0, ' ms');
  }
  if (alone) most('One caller: added to proxy_pass at the median', alone.rows[0].p50_ms - of(alone, 'nginx').p50_ms, 0.15, 3, ' ms');
  if (scale) {
    const { callers, inFlight, few, idle } = scale;
    const many = number(callers);
    const phases = [inFlight.started, inFlight.measured, inFlight.finished];
    most(`${many} in flight: peak memory`, inFlight.peak_mb, 200, 0, ' MB');
    most(`${many} in flight: /config at worst`, Math.max(...phases.map((phase) => phase.config.max_ms)), 50, 1, ' ms');
    most(`${many} in flight: failed`, inFlight.failures, 0, 0);
    most(`${many} in flight: CPU per exchange ÷ that of 50`, inFlight.measured.cpu_us / few.measured.cpu_us, 1.5, 2);
    most(`${many} idle: memory`, idle.started.memory_mb, 40, 0, ' MB');
  }
  const ours = [atOnce, slow, alone].filter(Boolean).flatMap(({ rows }) => rows).filter((row) => row.name.startsWith('program'));
  if (ours.length) most('Behind nginx: failed', ours.reduce((sum, row) => sum + row.failures, 0), 0, 0);
  return figures;
}

export function table(result) {
  const { machine: m, rounds, seconds, scenarios, scale, figures, minutes } = result;
  const figureRows = figures.map(({ what, value, target, met }) => [what, value, target, met ? 'yes' : 'NO']);
  return [
    `${m.cpu}, ${m.cores} cores, ${m.memory_gb} GB; ${m.system}, Linux ${m.kernel}; nginx ${m.nginx}, libcurl ${m.libcurl}, PHP ${m.php}, `
      + `Node ${m.node}, Express ${m.express}, wrk ${m.wrk}\nMedians of ${rounds} rounds in turns, ${seconds} s each; ${number(minutes, 1)} minutes. Other programs took ${number(result.others * 100)} % of the machine meanwhile${result.others > 0.05 ? ': TOO MUCH for absolute figures' : ''}.\n`,
    ...Object.values(scenarios).map(comparison),
    ...(scale ? [scaleTable(scale)] : []),
    grid(['Figure', 'measured', 'target', 'met'], figureRows),
  ].join('\n');
}

const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

// Bars of the first scenario's throughput, readable on light and on dark.
export function chart({ machine: m, scenarios: { atOnce } }) {
  const rows = [...atOnce.rows].filter((row) => row.nginx_us != null).sort((a, b) => b.rps - a.rps);
  const scale = 320 / rows[0].rps;
  const bars = rows.map((row, i) => {
    const y = 48 + i * 26;
    const ours = row.name.startsWith('program');
    const label = `${number(row.rps)}${row.cpu_us == null ? '' : ` · ${number(row.cpu_us)} µs`}`;
    return `  <text x="216" y="${y + 13}" text-anchor="end">${escape(row.name)}</text>
  <rect class="${ours ? 'ours' : 'other'}" x="224" y="${y}" width="${(row.rps * scale).toFixed(1)}" height="18" rx="2"/>
  <text x="${(230 + row.rps * scale).toFixed(1)}" y="${y + 13}">${escape(label)}</text>`;
  });
  const height = 48 + rows.length * 26 + 26;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 ${height}" width="680" height="${height}" role="img" aria-label="Logins per second behind nginx">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #24292f }
    .small { font-size: 11px; fill: #57606a }
    .ours { fill: #1a7f6b } .other { fill: #a9b3bd }
    @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small { fill: #9aa4af } .ours { fill: #3fb99c } .other { fill: #5a6470 } }
  </style>
  <text x="8" y="20" font-weight="600">Logins per second behind nginx, 50 callers · CPU of the program per login</text>
${bars.join('\n')}
  <text class="small" x="8" y="${height - 8}">${escape(`${m.cpu}, ${m.cores} cores, which wrk, nginx and the upstream share; libcurl ${m.libcurl}, PHP ${m.php}, Node ${m.node}`)}</text>
</svg>
`;
}
