import { describe, expect, it } from 'vitest';
import type { RequestRecord } from '../../harness/requests.ts';
import { timeToFirstTokenMs } from '../../harness/requests.ts';
import { outcomesOf, quantile, rig, runLoad, startFixture, startLoad } from './rig.ts';

interface Truth {
  readonly index: number;
  readonly arrivedMs: number;
  readonly writtenMs: number;
  readonly drawnMs: number;
}

async function truthOf(url: string): Promise<Truth[]> {
  return (await (await fetch(`${url}/truth`)).json()) as Truth[];
}

function firstTokenLatencies(records: readonly RequestRecord[]): number[] {
  return records.map(timeToFirstTokenMs).filter(ms => ms !== null);
}

/** `worst` is the largest difference of P50, P90 and P99 as a partition of what is allowed (1 % or 1 ms). */
async function compareWithServer(): Promise<{ worst: number; isQuiet: boolean }> {
  await using server = await startFixture('streams-lognormal.ts', '80', '0.6');
  const { startAtMs, records } = await runLoad({ perSecond: 200, forMs: 10_000, targets: [server.said] });
  const truth = await truthOf(server.said);
  expect(outcomesOf(records)).toEqual({ ok: 2000 });
  expect(truth).toHaveLength(2000);

  const byIndex = new Map(truth.map(entry => [entry.index, entry]));
  for (const record of records) {
    // Whatever the noise: no token may seem to arrive before the server wrote it.
    expect(record.firstTokenMs!).toBeGreaterThan(byIndex.get(record.index)!.writtenMs - startAtMs - 0.001);
  }
  const measured = firstTokenLatencies(records);
  const served = records.map(r => byIndex.get(r.index)!.writtenMs - startAtMs - r.scheduledMs);
  const partitions = [0.5, 0.9, 0.99].map(q => {
    const expected = quantile(served, q);
    return Math.abs(quantile(measured, q) - expected) / Math.max(1, expected * 0.01);
  });
  const timerLateMs = truth.map(({ arrivedMs, writtenMs, drawnMs }) => writtenMs - arrivedMs - drawnMs);
  return { worst: Math.max(...partitions), isQuiet: quantile(timerLateMs, 0.99) < 3 };
}

describe('the measurement', () => {
  // The server notes on the machine's monotonic clock when it wrote each first token, so what is compared is the client's
  // measurement alone, not timers or a scheduler that was late. A core that is taken away from the client still delays it, so
  // an attempt counts only when an independent witness, the server's own timers, says that the machine was quiet: a client
  // that measures wrongly fails in every quiet attempt.
  it('agrees with the server within 1 % or 1 ms at P50, P90 and P99', { timeout: 60_000 }, async context => {
    const attempts: { worst: number; isQuiet: boolean }[] = [];
    while (attempts.length < 3 && !attempts.some(({ worst }) => worst < 1)) attempts.push(await compareWithServer());
    const tried = attempts.map(
      ({ worst, isQuiet }) => `${(100 * worst).toFixed(0)} % of what is allowed, ${isQuiet ? 'quiet' : 'busy'}`,
    );
    const tries = `${attempts.length} of at most 3 tries: ${tried.join('; ')}`;
    console.info(tries);
    const decisive = attempts.filter(({ worst, isQuiet }) => isQuiet || worst < 1);
    if (decisive.length === 0) context.skip(`the machine was too busy, ${tries}`);
    expect(Math.min(...decisive.map(({ worst }) => worst)), tries).toBeLessThan(1);
  });

  // 200 arrivals a second into a stall of 2 s: the one at its beginning waits 2 s, the one at its end 0, so half of the 400
  // wait more than 1 s. A client that waits for answers before it sends (coordinated omission) would show a few at most.
  it('shows a stall of 2 s as latencies that fall from 2 s to 0', { timeout: 60_000 }, async () => {
    await using server = await startFixture('streams-lognormal.ts', '10', '0');
    using prepared = rig({ perSecond: 200, forMs: 6000, targets: [server.said] });
    await using load = await startLoad(prepared.job);
    await fetch(`${server.said}/stall-at/${load.startAtMs + 2000}`);
    await load.done;
    const records = await prepared.records();
    expect(outcomesOf(records)).toEqual({ ok: 1200 });

    const slow = records.filter(record => timeToFirstTokenMs(record)! > 1000).length;
    expect(slow).toBeGreaterThan(200 * 0.95);
    // A busy machine only adds to it; of the 1,200 requests most must still be quick, or it is not the stall that shows.
    expect(slow).toBeLessThan(200 * 2);
    expect(quantile(firstTokenLatencies(records), 0.99)).toBeGreaterThan(1900);
    for (const record of records.filter(({ scheduledMs }) => scheduledMs > 2100 && scheduledMs < 3900))
      expect(timeToFirstTokenMs(record)!).toBeGreaterThan(4000 - record.scheduledMs);
  });

  it('does not call a late generator on time', { timeout: 30_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    // Start lies 300 ms back: the first arrivals can only be sent late, and must say so in both figures.
    using prepared = rig({ targets: [`${server.said}/healthy`] });
    await using load = await startLoad(prepared.job, { leadMs: -300 });
    await load.done;
    const records = await prepared.records();
    expect(outcomesOf(records)).toEqual({ ok: 100 });
    const first = records.find(({ index }) => index === 0)!;
    expect(first.sentMs! - first.scheduledMs).toBeGreaterThan(300);
    expect(timeToFirstTokenMs(first)!).toBeGreaterThan(first.sentMs! - first.scheduledMs);
    const lateness = records.filter(({ scheduledMs }) => scheduledMs > 800).map(r => r.sentMs! - r.scheduledMs);
    expect(Math.min(...lateness)).toBeGreaterThanOrEqual(0);
    expect(quantile(lateness, 0.5)).toBeLessThan(100);
  });
});

describe.concurrent('the open loop', () => {
  // Answers take 1 s: after 1 s there are 100 in flight, and still 100 are sent in the next.
  it('sends at its rate however slowly the answers come, over its targets in turn', { timeout: 30_000 }, async () => {
    await using one = await startFixture('answers-badly.ts');
    await using other = await startFixture('answers-badly.ts');
    const targets = [`${one.said}/answers-slowly`, `${other.said}/healthy`];
    const { records, progress, summary } = await runLoad({ perSecond: 100, forMs: 2000, warmUpMs: 500, targets });
    expect(outcomesOf(records)).toEqual({ ok: 250 });
    expect(records.filter(({ sentMs }) => sentMs! >= 1000 && sentMs! < 2000).length).toBeGreaterThan(80);
    expect(records.filter(({ index, endMs, sentMs }) => index % 2 === 0 && endMs - sentMs! >= 999)).toHaveLength(125);
    expect(progress).toMatchObject({ sent: 250, completed: 250, warmUp: { completed: 50, failures: {} } });
    expect(records.filter(({ stage }) => stage === 'warm-up').every(({ scheduledMs }) => scheduledMs < 0)).toBe(true);
    // From the first arrival to the last; the answers of 1 s that come after it are no work.
    expect(summary.wallMs).toBeGreaterThan(2400);
    expect(summary.wallMs).toBeLessThan(2900);
    expect(summary.cpuMs).toBeGreaterThan(10);
    expect(summary.cpuMs).toBeLessThan(summary.wallMs);
    expect(summary.cores).toBe(1);
    expect(summary.peakRssBytes).toBeGreaterThan(30e6);
  });

  // 20 in flight for 1 s each: of 100 arrivals a second 20 are sent and 80 dropped; all 100 are recorded.
  it('drops and records what finds the bound on requests in flight reached', { timeout: 30_000 }, async () => {
    await using server = await startFixture('answers-badly.ts');
    const targets = [`${server.said}/answers-slowly`];
    const { records, progress } = await runLoad({ perSecond: 100, forMs: 900, maxInFlight: 20, targets });
    expect(outcomesOf(records)).toEqual({ ok: 20, dropped: 70 });
    expect(progress).toMatchObject({ sent: 20, dropped: 70, completed: 20, failed: 0 });
    expect(records.toSorted((a, b) => a.index - b.index).map(({ index }) => index)).toEqual([...Array(90).keys()]);
    expect(records.find(({ outcome }) => outcome === 'dropped')).toMatchObject({ sentMs: null, firstTokenMs: null });
  });
});
