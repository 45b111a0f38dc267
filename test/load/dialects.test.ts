import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../harness/clock.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import { thisMachine } from '../../harness/host/network.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { LoadDriver } from '../../load/stream/driver.ts';
import type { Pacer } from '../../load/stream/pacer.ts';
import { judge } from '../../reports/judge/judge.ts';
import type { Verdict } from '../../reports/store/run-document.ts';
import { historyOf, planOf } from '../reports/runs.ts';
import type { Asked, Dialect } from './dialects/dialect.ts';
import { FAILING } from './dialects/failing.ts';
import { HEALTHY } from './dialects/healthy.ts';
import { outcomesOf, rig } from './rig.ts';

const DIALECTS = [...HEALTHY, ...FAILING];
/** So many requests decide an error rate; where only some fail, more are needed. */
const requestsOf = ({ every = 1 }: Dialect) => (every > 1 ? 60 : 30);
/** Dialects at a time, so that no more is in flight than one process serves and reads at once. */
const AT_A_TIME = 8;
const SLOS = [
  { name: 'errors', window: 'whole', objective: 'errors <= 10%' },
  { name: 'ttft', window: 'whole', objective: 'p50(ttft) <= 20 s' },
  { name: 'itl', window: 'whole', objective: 'p50(itl) <= 20 s' },
];

interface Seen {
  readonly records: readonly RequestRecord[];
  readonly notes: NonNullable<LoadProgress['notes']>;
  /** By SLO. */
  readonly verdicts: Readonly<Record<string, Verdict>>;
}

/** Node's timers are good enough here, and a thread a dialect would not be. */
async function timer(onDue: () => void): Promise<Pacer> {
  let armed: NodeJS.Timeout | undefined;
  return {
    arm(dueMs) {
      clearTimeout(armed);
      armed = setTimeout(onDue, Math.max(0, dueMs - systemClock.nowMs()));
    },
    [Symbol.asyncDispose]: async () => clearTimeout(armed),
  };
}

/** Runs a load in this process, and judges it. */
async function see(dialect: Dialect, url: string): Promise<Seen> {
  using prepared = rig({
    perSecond: 100,
    forMs: 10 * requestsOf(dialect),
    firstTokenTimeoutMs: 20_000,
    idleTimeoutMs: 10_000,
    ...dialect.plan,
    targets: [url],
  });
  const records: RequestRecord[] = [];
  const journal = { append: (record: RequestRecord) => void records.push(record) };
  const driver = new LoadDriver(prepared.job, { machine: thisMachine, journal, pacer: timer, log: () => {} });
  // Where a limit does not end an answer, the test fails rather than hangs.
  const limit = setTimeout(() => driver.stop(), 30_000);
  await driver.run(systemClock.nowMs() + 20);
  clearTimeout(limit);
  const { notes = [] } = driver.progress();
  const plan = planOf({ slos: SLOS, load: prepared.job.plan, arrivals: { count: requestsOf(dialect), sha256: '' } });
  const summary = { cpuMs: 100, wallMs: 3000, peakRssBytes: 1e8, notes };
  const { document } = judge({ events: historyOf(plan, { atMs: 3500, type: 'load', summary }), records });
  return { records, notes, verdicts: Object.fromEntries(document.slos.map(({ name, verdict }) => [name, verdict])) };
}

const server = createServer((request, response) => {
  let text = '';
  request.on('data', part => {
    text += part;
  });
  request.on('end', () => {
    const key = request.url!.split('/')[1]!;
    const asked: Asked = { order: orders.get(key) ?? 0, path: request.url!, body: JSON.parse(text) };
    orders.set(key, asked.order + 1);
    void DIALECTS[Number(key)]!.answer(response, asked);
  });
});
const orders = new Map<string, number>();
const seen: Seen[] = [];

beforeAll(async () => {
  await new Promise<void>(done => server.listen(0, '127.0.0.1', 4096, done));
  const { port } = server.address() as AddressInfo;
  const waiting = [...DIALECTS.entries()];
  const work = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift())
      seen[next[0]] = await see(next[1], `http://127.0.0.1:${port}/${next[0]}`);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}, 120_000);

afterAll(() => {
  server.closeAllConnections();
  server.close();
  const rows = DIALECTS.map(({ name }, i) => {
    const { records, notes, verdicts } = seen[i]!;
    const outcomes = Object.entries(outcomesOf(records)).map(([outcome, count]) => `${count} ${outcome}`);
    const judged = SLOS.map(slo => `${slo.name} ${verdicts[slo.name]}`).join(', ');
    return `${name.padEnd(46)} ${outcomes.join(', ').padEnd(28)} ${judged}  ${notes.map(note => note.name).join(' ')}`;
  });
  console.log(`dialect → outcomes, verdicts, notes\n${rows.join('\n')}`);
});

describe('what becomes of an answer', () => {
  it.each(DIALECTS.map((dialect, i) => ({ outcome: 'ok' as const, ...dialect, i })))('$name: $outcome', dialect => {
    const { i, outcome, every = 1, odd = [], isBuffered = false, shows } = dialect;
    const { tokens = outcome === 'ok' ? 2 : 0, status = 200 } = dialect;
    const { records, notes, verdicts } = seen[i]!;
    const requests = requestsOf(dialect);
    const bad = Math.ceil(requests / every);
    expect(outcomesOf(records)).toEqual({ [outcome]: bad, ...(bad < requests && { ok: requests - bad }) });
    for (const record of records.filter(one => one.outcome === outcome)) {
      expect(record).toMatchObject({ outputTokens: tokens, status });
      expect(record.firstTokenMs === null).toBe(tokens === 0);
    }
    const isHealthy = outcome === 'ok';
    expect(verdicts.errors).toBe(isHealthy ? 'pass' : 'fail');
    if (isHealthy) expect(verdicts).toMatchObject({ ttft: 'pass', itl: isBuffered ? 'inconclusive' : 'pass' });
    else if (tokens === 0 && every === 1) expect(verdicts.ttft).toBe('fail');
    const noticed = notes.filter(({ type }) => type === 'oddity');
    expect(noticed.map(({ name }) => name).sort()).toEqual(odd);
    const failures = notes.filter(({ type }) => type === 'failure');
    if (shows !== undefined) expect(failures.map(({ example }) => example).join('\n')).toContain(shows);
  });
});
