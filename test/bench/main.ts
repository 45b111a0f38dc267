/**
 * Benchmarks, by hand: `npm run bench -- load [--rate 1000] [--seconds 20] [--streams 5000] [--stream-seconds 60] [--workers 1]`, and
 * `npm run bench -- proxy [--rounds 5] [--round-ms 2000] [--held 2000]`: the embedded fault proxy against toxiproxy-server, and
 * `npm run bench -- costs [--round-ms 4000]`: what requests, connections and tokens cost the processor of each service, for virtual time.
 * `npm run bench -- platforms [--only node-loss,retry-storm]`: scenarios and their proofs in virtual time and on processes; exits with 1 when
 * verdicts differ.
 * `npm run bench -- identity [--repeats 20]`: every file of as many runs in virtual time, in one process and in fresh ones; exits with 1 when one
 * differs.
 * `npm run bench -- policies [--only steps,spikes,day] [--seeds 10] [--jobs 2]`: scaling policies under three loads, in virtual time.
 * `npm run bench -- gateway [--only gateway,all] [--seconds 5] [--streams 500]`: the gateway with each of its parts, beside nginx, HAProxy, Portkey
 * and LiteLLM where they are installed.
 * `npm run bench -- balancing`: what one pick costs with each policy of balancing, among 3, 20 and 200 upstreams.
 * `npm run bench -- judge [--requests 1,5,18]`: time and memory of judging and rendering runs of as many million requests.
 * `npm run bench -- seal [--requests 1,5,18]`: time and memory of sealing their requests while they go on.
 * `npm run bench -- capacity [--only batch,P99] [--searches 100]`: how many intervals of `squall capacity` hold the edge of simulated servers;
 * exits with 1 when fewer than 90 % of those of one setting do.
 * Everything runs one after the other on this machine, servers included; the load average before and after is printed, because
 * the figures of a busy machine are worth what they say.
 */
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { findProgram } from '../../harness/host/programs.ts';
import { MAX_REQUESTS } from '../../harness/plan.ts';
import { findK6 } from '../../load/k6/program/find.ts';
import { type ShortRequests, shortRequests } from './short-requests.ts';
import { tokenStreams } from './token-streams.ts';
import { type Row, versionOf } from './tools.ts';

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    rate: { type: 'string', default: '1000' },
    seconds: { type: 'string' },
    connections: { type: 'string', default: '64' },
    streams: { type: 'string' },
    'stream-seconds': { type: 'string', default: '60' },
    workers: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '5' },
    'round-ms': { type: 'string', default: '2000' },
    held: { type: 'string', default: '2000' },
    only: { type: 'string' },
    requests: { type: 'string', default: '1,5,18' },
    repeats: { type: 'string', default: '20' },
    seeds: { type: 'string', default: '10' },
    searches: { type: 'string', default: '100' },
    jobs: { type: 'string', default: String(availableParallelism()) },
  },
});
if (positionals[0] === 'proxy') {
  const { proxyBench } = await import('./proxy.ts');
  const before = loads();
  console.table(
    await proxyBench({ rounds: Number(values.rounds), forMs: Number(values['round-ms']), held: Number(values.held) }),
  );
  console.log(`${availableParallelism()} cores, load average before ${before}, after ${loads()}`);
  process.exit(0);
}
if (positionals[0] === 'balancing') {
  const { balancingBench } = await import('./balancing.ts');
  const before = loads();
  console.table(balancingBench());
  console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, load average before ${before}, after ${loads()}`);
  process.exit(0);
}
if (positionals[0] === 'judge' || positionals[0] === 'seal') {
  const bench =
    positionals[0] === 'judge' ? (await import('./judge.ts')).judgeBench : (await import('./seal.ts')).sealBench;
  const before = loads();
  const rows = [];
  const counts = values.requests.split(',').map(millions => Math.round(Number(millions) * 1e6));
  if (!counts.every(count => count >= 1 && count <= MAX_REQUESTS)) {
    console.error(`Expected --requests as millions, up to ${MAX_REQUESTS / 1e6}, got ${values.requests}`);
    process.exit(3);
  }
  for await (const row of bench(counts)) {
    console.error(JSON.stringify(row));
    rows.push(row);
  }
  console.table(rows);
  console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, load average before ${before}, after ${loads()}`);
  process.exit(0);
}
if (positionals[0] === 'capacity') {
  const { capacityBench } = await import('./capacity.ts');
  const rows = await capacityBench(values.only, Number(values.searches));
  console.table(rows.map(({ isEnough: _, ...row }) => row));
  process.exit(rows.every(({ isEnough }) => isEnough) ? 0 : 1);
}
if (positionals[0] === 'costs') {
  const { costBench } = await import('./costs.ts');
  const before = loads();
  console.table(await costBench({ forMs: Number(values['round-ms']) }));
  console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, load average before ${before}, after ${loads()}`);
  process.exit(0);
}
if (positionals[0] === 'identity') {
  const { identityBench } = await import('./identity.ts');
  const before = loads();
  const rows = await identityBench(Number(values.repeats));
  console.table(rows);
  console.log(`${availableParallelism()} cores, load average before ${before}, after ${loads()}`);
  process.exit(rows.every(row => row['in both'] === 1) ? 0 : 1);
}
if (positionals[0] === 'platforms') {
  const { COMPARED, comparePlatforms, disagrees, HEAD, rowOf } = await import('./platforms.ts');
  const before = loads();
  let disagreed = 0;
  console.log(HEAD);
  for await (const compared of comparePlatforms(values.only?.split(',') ?? COMPARED)) {
    console.log(rowOf(compared));
    if (disagrees(compared)) disagreed += 1;
  }
  const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, node ${process.versions.node}`;
  console.log(`\n${new Date().toISOString()}, ${machine}, load average before ${before}, after ${loads()}`);
  process.exit(disagreed > 0 ? 1 : 0);
}
if (positionals[0] === 'gateway') {
  const { gatewayRows, HEAD } = await import('./gateway/table.ts');
  const before = loads();
  const [seconds, streams] = [Number(values.seconds ?? 5), Number(values.streams ?? 500)];
  console.log(HEAD);
  for await (const row of gatewayRows({ seconds, streams, only: values.only?.split(',') ?? [] })) console.log(row);
  const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, node ${process.versions.node}`;
  console.log(`\n${new Date().toISOString()}, ${machine}, load average before ${before}, after ${loads()}`);
  process.exit(0);
}
if (positionals[0] === 'policies') {
  const { LOADS, policyTable } = await import('./policies/table.ts');
  const before = loads();
  for (const load of values.only?.split(',') ?? LOADS)
    console.log(`${await policyTable(load, Number(values.seeds), Number(values.jobs))}\n`);
  const machine = `${cpus()[0]?.model}, ${availableParallelism()} cores, node ${process.versions.node}`;
  console.log(`${new Date().toISOString()}, ${machine}, load average before ${before}, after ${loads()}`);
  process.exit(0);
}
if (positionals[0] !== 'load') {
  console.error(
    'Usage: npm run bench -- proxy [--rounds n] [--round-ms n] [--held n] | judge [--requests millions,…] | seal [--requests millions,…] | costs [--round-ms n] | platforms [--only a,b] | identity [--repeats n] | gateway [--only a,b] [--seconds n] [--streams n] | policies [--only a,b] [--seeds n] [--jobs n] | load [--rate n] [--seconds n] [--connections n] [--streams n] [--stream-seconds n] [--workers n]',
  );
  process.exit(3);
}

const options: ShortRequests = {
  perSecond: Number(values.rate),
  seconds: Number(values.seconds ?? 20),
  connections: Number(values.connections),
  medianMs: 20,
  sigma: 0.5,
};
console.log(`${cpus()[0]?.model}, ${availableParallelism()} cores, load average ${loads()}`);
console.log(`versions: ${(await versions()).join(' · ')}`);
if (options.seconds > 0) {
  console.log(
    `\nShort requests: ${options.perSecond}/s (open) or ${options.connections} connections (closed), ${options.seconds} s each, server lognormal, median ${options.medianMs} ms, sigma ${options.sigma}`,
  );
  const rows: Row[] = [];
  for await (const row of shortRequests(options)) {
    rows.push(row);
    console.error(`${row.tool}: ${row.achievedPerSecond.toFixed(0)}/s`);
  }
  console.table(Object.fromEntries(rows.map(row => [row.tool, shown(row)])));
  const [stream, bare] = ['stream', 'k6 alone'].map(name => rows.find(({ tool }) => tool === name));
  if (stream && bare)
    console.log(
      `stream sends ${(bare.cpuMsPer1000 / stream.cpuMsPer1000).toFixed(2)} × the requests of k6 alone per CPU second`,
    );
}
const streams = Number(values.streams ?? 5000);
if (streams > 0) {
  console.log(
    `\nToken streams: ${streams} at once, 20 tokens/s each, held for ${values['stream-seconds']} s, ${values.workers} process(es) of the client`,
  );
  console.table(await tokenStreams(streams, Number(values['stream-seconds']), Number(values.workers)));
}
console.log(`load average ${loads()}`);

function loads(): string {
  return loadavg()
    .map(load => load.toFixed(1))
    .join(' ');
}

async function versions(): Promise<string[]> {
  const [k6, wrk, oha] = [await findK6(), findProgram('wrk')?.command, findProgram('oha')?.command];
  return [
    `node ${process.versions.node}`,
    ...(k6 ? [`k6 ${k6.version}`] : []),
    'autocannon 9.0.0',
    ...(wrk ? [(await versionOf(wrk, '-v')).slice(0, 30)] : []),
    ...(oha ? [await versionOf(oha, '--version')] : []),
  ];
}

function shown(row: Row): Record<string, string | number> {
  const number = (value: number | null, digits: number) => (value === null ? '–' : Number(value.toFixed(digits)));
  const percent = (value: number | null) => (value === null ? '–' : `${(value * 100).toFixed(1)} %`);
  return {
    loop: row.loop,
    'offered /s': number(row.offeredPerSecond, 0),
    'achieved /s': number(row.achievedPerSecond, 0),
    'CPU ms / 1000': number(row.cpuMsPer1000, 0),
    'late P99 ms': number(row.lateMsP99, 2),
    'P50 error': percent(row.p50Error),
    'P99 error': percent(row.p99Error),
    'peak MiB': number(row.peakMiB, 0),
  };
}
