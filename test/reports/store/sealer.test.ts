import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { Sealer } from '../../../reports/store/requests/sealer.ts';
import { REQUESTS_FILE, readRequests, sealRequests } from '../../../reports/store/requests-file.ts';
import { requestOf } from '../runs.ts';

const [PART, FOOTER] = ['requests.parquet.growing', 'requests.parquet.footer'];
const GROUP = 50;
const JOURNAL = 40;
const WHOLE = { first: 0, step: 1 };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'squall-sealer-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

/** Records in the order in which they ended: each overtaken by some. */
function shuffled(records: readonly RequestRecord[]): RequestRecord[] {
  const random = seededRandom(5);
  const ends = new Map(records.map(record => [record, record.index + 12 * random.next()]));
  return records.toSorted((a, b) => ends.get(a)! - ends.get(b)!);
}

const recordsOf = (count: number, step = 1, first = 0) =>
  Array.from({ length: count }, (_, nth) => requestOf(first + nth * step, nth));

/** Writes records into journals as a worker does. @param worker from 1 */
function write(records: readonly RequestRecord[], worker = 1, folder = directory): void {
  for (let part = 0; part * JOURNAL < records.length; part += 1) {
    const name = `requests${worker > 1 ? `.${worker}` : ''}${part > 0 ? `-${part}` : ''}.ndjson`;
    const own = records.slice(part * JOURNAL, (part + 1) * JOURNAL);
    writeFileSync(join(folder, name), own.map(record => `${JSON.stringify(record)}\n`).join(''));
  }
}

async function seal(
  options: { readonly partition?: { readonly first: number; readonly step: number } } = {},
): Promise<void> {
  using sealer = new Sealer({ directory, runId: 'a-run', partition: WHOLE, groupRows: GROUP, ...options });
  await sealer.seal();
}

const journals = () => readdirSync(directory).filter(name => name.endsWith('.ndjson'));
const read = async (folder = directory) => [...(await readRequests(folder))];

describe('a run that goes on', () => {
  it('has each of its requests once at any time, and keeps of its journals only those that are not sealed', async () => {
    const records = recordsOf(500);
    const ended = shuffled(records);
    using sealer = new Sealer({ directory, runId: 'a-run', partition: WHOLE, groupRows: GROUP });
    for (let count = 60; count <= 500; count += 110) {
      for (const name of journals()) rmSync(join(directory, name));
      // What was sealed is not written again: those journals are gone.
      write(ended.slice(0, count));
      const gone = new Set(journals());
      await sealer.seal();
      for (const name of journals()) gone.delete(name);
      const expected = ended.slice(0, count).toSorted((a, b) => a.index - b.index);
      expect(await read()).toEqual(expected);
      // 12 in flight at most, less than a group, and the journal that is appended to.
      expect(gone.size).toBeGreaterThanOrEqual(Math.floor((count - 12 - GROUP - JOURNAL) / JOURNAL) - 1);
    }
  });

  it('ends with the same bytes, however much of it was sealed before its end', async () => {
    const records = recordsOf(330).map((record, i) => (i > 300 ? { ...record, class: 'late', attempts: 2 } : record));
    const sealedAtEnd = mkdtempSync(join(directory, 'end-'));
    write(shuffled(records));
    write(shuffled(records), 1, sealedAtEnd);
    await seal();
    expect(journals().length).toBeLessThan(5);
    expect(await sealRequests(directory, () => 'a-run', undefined, GROUP)).toBe(330);
    expect(await sealRequests(sealedAtEnd, () => 'a-run', undefined, GROUP)).toBe(330);
    expect(await read()).toEqual(records);
    expect(readdirSync(sealedAtEnd)).toEqual([REQUESTS_FILE]);
    expect(readdirSync(directory).sort()).toEqual([sealedAtEnd.split('/').at(-1), REQUESTS_FILE].sort());
    expect(readFileSync(join(directory, REQUESTS_FILE)).equals(readFileSync(join(sealedAtEnd, REQUESTS_FILE)))).toBe(
      true,
    );
    const file = await asyncBufferFromFile(join(directory, REQUESTS_FILE));
    expect((await parquetMetadataAsync(file)).row_groups.map(({ num_rows }) => Number(num_rows))).toEqual([
      ...Array(6).fill(GROUP),
      30,
    ]);
    const rows = await parquetReadObjects({ file, columns: ['index', 'class', 'attempts', 'attemptsMs', 'requestId'] });
    expect(rows[299]).toEqual({
      index: 299,
      class: null,
      attempts: null,
      attemptsMs: undefined,
      requestId: 'squall-a-run-299',
    });
    expect(rows[301]).toMatchObject({ class: 'late', attempts: 2 });
  });

  it('of several workers, of one segment of three, is sealed by the indexes that it sends', async () => {
    const partition = { first: 1, step: 3 };
    const records = recordsOf(400, 3, 1);
    for (const worker of [1, 2]) write(shuffled(records.filter((_, nth) => nth % 2 === worker - 1)), worker);
    await seal({ partition });
    expect(readdirSync(directory)).toContain(FOOTER);
    expect(await read()).toEqual(records);
    expect(await sealRequests(directory, () => 'a-run')).toBe(400);
    expect(await read()).toEqual(records);
  });

  it('gives up where a request never ends, and sorts the rest at the end', async () => {
    const records = recordsOf(1200);
    write(shuffled(records).filter(({ index }) => index !== 120));
    await seal();
    const kept = journals().length;
    // Two groups: those up to 99. All from 100 on wait for 120.
    expect(kept).toBeGreaterThanOrEqual(Math.floor((1200 - 2 * GROUP) / JOURNAL));
    const expected = records.filter(({ index }) => index !== 120);
    expect(await read()).toEqual(expected);
    expect(await sealRequests(directory, () => 'a-run')).toBe(1199);
    expect(await read()).toEqual(expected);
    expect(journals()).toEqual([]);
  });
});

describe('a run that was killed', () => {
  it('between sealing and deleting journals has no request twice', async () => {
    const records = recordsOf(300);
    write(shuffled(records));
    const before = mkdtempSync(join(directory, 'before-'));
    for (const name of journals()) copyFileSync(join(directory, name), join(before, name));
    await seal();
    cpSync(before, directory, { recursive: true });
    expect(await read()).toEqual(records);
    expect(await sealRequests(directory, () => 'a-run')).toBe(300);
    expect(await read()).toEqual(records);
  });

  it.each([
    ['before the first footer', (d: string) => rmSync(join(d, FOOTER)), 0],
    ['before the name of the sealed file', () => {}, 500],
  ] as const)('%s while its end was sealed is read whole', async (_, breaks, sealedRows) => {
    const records = recordsOf(500);
    write(shuffled(records));
    const copy = mkdtempSync(join(directory, 'copy-'));
    for (const name of journals()) copyFileSync(join(directory, name), join(copy, name));
    await seal();
    if (sealedRows === 0) cpSync(copy, directory, { recursive: true });
    breaks(directory);
    expect(await read()).toEqual(records);
    expect(await sealRequests(directory, () => 'a-run')).toBe(500);
    expect(await read()).toEqual(records);
  });

  // Row groups end at bytes that differ, so every one of some cuts over the whole file falls into the middle of one or between two.
  it('is read as far as whole row groups go, wherever the growing file was cut', async () => {
    const records = recordsOf(500);
    write(shuffled(records));
    await seal();
    const sealed = readFileSync(join(directory, PART));
    const left = (await read()).length;
    expect(left).toBe(500);
    const found = new Set<number>();
    for (let cut = 0; cut <= sealed.length; cut += 2999) {
      writeFileSync(join(directory, PART), sealed);
      truncateSync(join(directory, PART), cut);
      const there = await read();
      const indexes = there.map(({ index }) => index);
      expect(indexes).toEqual([...new Set(indexes)].sort((a, b) => a - b));
      for (const record of there) expect(record).toEqual(records[record.index]);
      // Those of whole groups, and those of the journals that are left.
      const whole = indexes.findIndex((index, nth) => index !== nth);
      expect((whole < 0 ? there.length : whole) % GROUP === 0 || there.length === 500).toBe(true);
      found.add(there.length);
    }
    expect(found.size).toBeGreaterThan(5);
  });

  it.each([
    ['in the middle of its last journal', (d: string, last: string) => truncateSync(join(d, last), 150)],
    ['with an empty last journal', (d: string, last: string) => truncateSync(join(d, last), 0)],
    [
      'with blocks of its last journal that never reached the disk',
      (d: string, last: string) => {
        const bytes = readFileSync(join(d, last));
        writeFileSync(join(d, last), Buffer.concat([bytes, Buffer.alloc(4096)]));
      },
    ],
    [
      'with a row group that was being written',
      (d: string) => {
        writeFileSync(join(d, PART), Buffer.concat([readFileSync(join(d, PART)), Buffer.alloc(5000, 7)]));
      },
    ],
  ])('%s is read up to there, and sealed', async (_, breaks) => {
    const records = recordsOf(450);
    const ended = shuffled(records);
    write(ended);
    await seal();
    const last = `requests-${Math.floor(449 / JOURNAL)}.ndjson`;
    breaks(directory, last);
    const lost = new Set(ended.slice(Math.floor(449 / JOURNAL) * JOURNAL).map(({ index }) => index));
    const there = await read();
    expect(there.length).toBeGreaterThanOrEqual(450 - lost.size);
    expect(there).toEqual(records.filter(({ index }) => there.some(record => record.index === index)));
    expect(await sealRequests(directory, () => 'a-run')).toBe(there.length);
    expect(await read()).toEqual(there);
  });

  it('with a footer that was changed is refused', async () => {
    write(shuffled(recordsOf(300)));
    await seal();
    writeFileSync(join(directory, FOOTER), 'PAR1 nonsense');
    await expect(readRequests(directory)).rejects.toMatchObject({ code: 'BAD_REQUESTS' });
  });
});
