import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestRecord } from '../../harness/requests.ts';
import { JOURNAL_BYTES, journalPart } from '../../load/worker/journal.ts';
import { REQUESTS_FILE } from '../../reports/store/requests-file.ts';
import type { Sealed } from './fixtures/seals-a-run.ts';
import { megabytes, recordsOf } from './judge.ts';

/** Requests that are in flight at most. */
const IN_FLIGHT = 2000;
/** Journals that wait, so that a load that is written as fast as it can be is not faster than its sealing. */
const WAITING = 4;

/** Seals runs of as many requests from their journals while these are written, in a process of its own: time and memory. */
export async function* sealBench(counts: readonly number[]): AsyncGenerator<Record<string, string | number>> {
  for (const count of counts) {
    const directory = mkdtempSync(join(tmpdir(), 'squall-seal-'));
    try {
      const program = join(import.meta.dirname, 'fixtures/seals-a-run.ts');
      const child = spawn(process.execPath, [program, directory], { stdio: ['pipe', 'pipe', 'inherit'] });
      const output = text(child.stdout);
      await writeJournals(directory, count);
      child.stdin.end();
      const sealed: Sealed = JSON.parse(await output);
      yield {
        requests: sealed.requests,
        'file MB': megabytes(statSync(join(directory, REQUESTS_FILE)).size),
        'CPU s': sealed.cpuS,
        'end s': sealed.endS,
        'peak MB': megabytes(sealed.peakBytes),
      };
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

async function writeJournals(directory: string, count: number): Promise<void> {
  const journals = () => readdirSync(directory).filter(name => name.endsWith('.ndjson')).length;
  let lines: string[] = [];
  let [characters, part] = [0, 0];
  for (const record of inOrderOfTheirEnds(count)) {
    lines.push(`${JSON.stringify(record)}\n`);
    characters += lines.at(-1)!.length;
    if (characters < JOURNAL_BYTES) continue;
    while (journals() > WAITING) await sleep(50);
    writeFileSync(join(directory, journalPart('requests.ndjson', part)), lines.join(''));
    [lines, characters, part] = [[], 0, part + 1];
  }
  writeFileSync(join(directory, journalPart('requests.ndjson', part)), lines.join(''));
}

function* inOrderOfTheirEnds(count: number): Generator<RequestRecord> {
  let open: RequestRecord[] = [];
  for (const record of recordsOf(count)) {
    open.push(record);
    if (open.length < 2 * IN_FLIGHT) continue;
    open.sort((a, b) => a.endMs - b.endMs);
    yield* open.slice(0, IN_FLIGHT);
    open = open.slice(IN_FLIGHT);
  }
  yield* open.sort((a, b) => a.endMs - b.endMs);
}
