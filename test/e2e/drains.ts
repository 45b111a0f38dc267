import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { readHistory } from '../../harness/history.ts';
import { readRequests } from '../../reports/store/requests-file.ts';
import type { RunDocument } from '../../reports/store/run-document.ts';
import type { ProofResult } from '../../scenarios/proof.ts';
import { squall, temporaryFolder } from './squall.ts';

const SCENARIO = join(import.meta.dirname, 'fixtures/drains.yaml');
const REMOVED = Array.from({ length: 10 }, (_, index) => `inference-${12 - index}`);
/** Maximum length of a stream, and what a busy machine adds. */
const DRAIN_LIMIT_MS = 10_000;
/** From the end of a replica until the client has the last of its response. */
const NETWORK_MS = 200;

/** Expects that ten scale-downs one after the other, under load, lose no request on a platform, and that without a time to drain they do. */
export async function expectQuietDrains(platform: string): Promise<void> {
  using out = temporaryFolder();
  const { code, stdout, stderr } = await squall([
    ...['prove', SCENARIO, '--platform', platform, '--out', out.path, '--json'],
  ]);
  expect(code, stderr).toBe(0);
  const [proof] = (JSON.parse(stdout) as { proofs: ProofResult[] }).proofs;
  const runs = readdirSync(out.path).map(name => join(out.path, name));
  const documentOf = (run: string) => JSON.parse(readFileSync(join(run, 'run.json'), 'utf8')) as RunDocument;
  const drained = runs.find(run => documentOf(run).id !== proof!.run)!;
  const cut = runs.find(run => documentOf(run).id === proof!.run)!;

  expect(documentOf(drained).load).toMatchObject({ failed: 0, dropped: 0 });
  const events = readHistory(join(drained, 'events.ndjson'));
  const scalings = events.flatMap(event => (event.type === 'scale' ? [event] : []));
  expect(scalings.map(({ from, to }) => from - to)).toEqual(Array(10).fill(1));
  const stops = events.flatMap(event => (event.type === 'replica' && event.state === 'stopped' ? [event] : []));
  const records = [...(await readRequests(drained))];
  const spans = REMOVED.map((name, index) => {
    const { atMs: fromMs } = scalings[index]!;
    const { atMs: toMs, detail } = stops.find(({ replica }) => replica === name)!;
    // It ended by itself, neither at once nor at a limit.
    expect(detail, name).toBe('exit code 0');
    expect(toMs - fromMs, name).toBeLessThan(DRAIN_LIMIT_MS);
    const own = records.filter(({ upstream }) => upstream === name);
    // What it had begun it finished, and it got nothing new once gateways knew.
    for (const { endMs } of own) expect(endMs, name).toBeLessThan(toMs + NETWORK_MS);
    return own.filter(({ sentMs, endMs }) => sentMs! < fromMs && endMs > fromMs).map(({ endMs }) => endMs - fromMs);
  });
  const finished = spans.flat();
  expect(finished.length).toBeGreaterThan(10);
  // Streams that a limit of two seconds would have cut.
  expect(finished.filter(ms => ms > 2000).length).toBeGreaterThan(0);
  // Without a time to drain, as many are lost as were in flight.
  const { failed } = documentOf(cut).load;
  expect(failed).toBeGreaterThan(10);
  expect(failed).toBeLessThan(60);
}
