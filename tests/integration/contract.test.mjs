// The whole contract through every way to the program: the same rows, the same answers.
import { after, before, describe, test } from 'node:test';
import { assertNothingLeaked } from '../lib/canaries.mjs';
import { check, table } from '../lib/contract_table.mjs';
import { ways, writeEnv } from '../lib/servers.mjs';
import { Stage } from '../lib/stage.mjs';
import { Upstream } from '../lib/upstream.mjs';

for (const [way, start] of Object.entries(ways)) {
  describe(way, () => {
    const stage = new Stage();
    let send;
    let context;
    before(async () => {
      const upstream = await Upstream.start(stage);
      context = { upstream, upstreamUrl: upstream.url };
      send = await start(stage, writeEnv(stage, {
        THREADS_API_URL: upstream.url, THREADS_AUTH_URL: `${upstream.url}/oauth/authorize`, THREADS_TIMEOUT: '1',
      }));
    });
    after(() => stage.close());

    const webServer = /nginx|Apache/.test(way);
    for (const row of table.filter((r) => webServer || !r.webServersOnly)) {
      test(row.name, () => check(row, send, context));
    }
    test('nothing leaked into logs or command lines', () => assertNothingLeaked(stage));
  });
}
