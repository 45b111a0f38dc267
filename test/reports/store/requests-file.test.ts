import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { readSealed } from '../../../reports/store/requests/sealed.ts';
import { REQUESTS_FILE, readRequests, sealRequests, writeRequests } from '../../../reports/store/requests-file.ts';
import { requestOf } from '../runs.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'squall-requests-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function journal(records: readonly RequestRecord[], tail = ''): void {
  writeFileSync(
    join(directory, 'requests.ndjson'),
    records.map(record => `${JSON.stringify(record)}\n`).join('') + tail,
  );
}

/** Records with unusual values in every field: nulls, fractions, negative times, empty and long gap lists, non-ASCII text. */
function oddRecords(count: number): RequestRecord[] {
  const random = seededRandom(11);
  const outcomes: Outcome[] = ['ok', 'dropped', 'reset', 'http-status', 'truncated', 'interrupted'];
  return Array.from({ length: count }, (_, index) => ({
    index,
    scheduledMs: (index - 100) * 7.3 + random.next(),
    sentMs: random.next() < 0.1 ? null : index * 7.3 + random.next() / 3,
    firstTokenMs: random.next() < 0.3 ? null : index * 7.3 + 0.1 + 0.2,
    endMs: index * 7.3 + 1 / 3,
    outcome: random.pick(outcomes),
    status: random.pick([0, 200, 503]),
    promptTokens: random.integer(0, 100_000),
    outputTokens: random.integer(0, 2048),
    stage: random.pick(['1', 'peak load', 'ü→ß']),
    upstream: random.pick(['', 'inference-1']),
    gaps: Array.from({ length: 2 * random.integer(0, 40) }, () => random.integer(0, 2000)),
  }));
}

test('records are read exactly as they were journalled, in scheduled order', async () => {
  const records = oddRecords(3000);
  journal(records.toSorted((a, b) => (a.endMs % 1) - (b.endMs % 1)));
  expect([...(await readRequests(directory))]).toEqual(records);
  expect(await sealRequests(directory, () => 'a-run')).toBe(3000);
  expect(existsSync(join(directory, 'requests.ndjson'))).toBe(false);
  expect([...(await readRequests(directory))]).toEqual(records);
});

test('the journals of several workers are sealed as one, without truncated lines', async () => {
  const records = oddRecords(300);
  const own = (worker: number) => records.filter(({ index }) => index % 3 === worker);
  journal(own(0), '{"index":');
  for (const worker of [1, 2]) {
    const text = own(worker).map(record => `${JSON.stringify(record)}\n`);
    writeFileSync(join(directory, `requests.${worker + 1}.ndjson`), `${text.join('')}{"ind`);
  }
  expect([...(await readRequests(directory))]).toEqual(records);
  expect(await sealRequests(directory, () => 'a-run')).toBe(300);
  expect(readdirSync(directory)).toEqual([REQUESTS_FILE]);
  expect([...(await readRequests(directory))]).toEqual(records);
});

test('optional fields are read where they were set, and have no column where they were not', async () => {
  const plain = oddRecords(40);
  const records = plain.map(
    (record, i): RequestRecord => ({
      ...record,
      attempts: i % 4,
      ...(i % 4 > 1 && { attemptsMs: [i + 0.25, i + 1 / 3, i + 2, i + 3], attemptOutcomes: 'http-503 ok' }),
      ...(i % 3 === 0 && { class: 'vip' }),
      ...(i % 5 === 0 && { session: i, turn: 0 }),
    }),
  );
  const columns = async () =>
    (await parquetMetadataAsync(await asyncBufferFromFile(join(directory, REQUESTS_FILE)))).schema.map(e => e.name);
  journal(records);
  await sealRequests(directory, () => 'a-run');
  expect([...(await readRequests(directory))]).toEqual(records);
  expect(await columns()).toEqual(expect.arrayContaining(['attempts', 'attemptsMs', 'class', 'session']));
  journal(plain);
  await sealRequests(directory, () => 'a-run');
  expect([...(await readRequests(directory))]).toEqual(plain);
  expect(await columns()).not.toContain('attempts');
});

test('rows of several row groups are read in order', async () => {
  journal(Array.from({ length: 50_010 }, (_, i) => requestOf(i, i)));
  await sealRequests(directory, () => 'a-run');
  const records = [...(await readRequests(directory))];
  expect(records).toHaveLength(50_010);
  expect(records.at(-1)).toEqual(requestOf(50_009, 50_009));
});

test('lists of a long run are read from the file when they are wanted, whatever was read before', async () => {
  const records = oddRecords(17_000).map(
    (record, i): RequestRecord => ({
      ...record,
      ...(i % 3 === 0 && { attemptsMs: [i + 0.25, i + 1 / 3] }),
    }),
  );
  await writeRequests(directory, records, () => 'a-run');
  const path = join(directory, REQUESTS_FILE);
  const table = await readSealed(path, undefined, 0);
  rmSync(path);
  const isLate = ({ scheduledMs, gaps }: RequestRecord) => scheduledMs > 100_000 && gaps.length > 40;
  const late = table.filter(isLate);
  // As texts, which are compared faster.
  const [all, found] = [records, records.filter(isLate)].map(some => JSON.stringify(some));
  expect(JSON.stringify([...table]) === all).toBe(true);
  expect(JSON.stringify([...late]) === found).toBe(true);
  // A row that two folds look at in turn.
  let pairs = 0;
  late.forEach(({ gaps }) => {
    const first = late.find(() => true)!;
    pairs += first.gaps.length * gaps.length;
  });
  const lengths = [...late].map(({ gaps }) => gaps.length);
  expect(pairs).toBe(lengths[0]! * lengths.reduce((sum, length) => sum + length, 0));
});

test('lists that are damaged are an error with the path when they are wanted', async () => {
  await writeRequests(directory, oddRecords(3000), () => 'a-run');
  const path = join(directory, REQUESTS_FILE);
  const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path));
  const gaps = row_groups[0]!.columns.find(({ meta_data }) => meta_data!.path_in_schema[0] === 'gaps')!.meta_data!;
  const bytes = readFileSync(path);
  bytes.fill(0xff, Number(gaps.data_page_offset), Number(gaps.data_page_offset) + 400);
  writeFileSync(path, bytes);
  const table = await readSealed(path, undefined, 0);
  expect(table.length).toBe(3000);
  expect(() => [...table]).toThrow(`Expected ${path} to contain the requests of a run, but: `);
  await expect(readSealed(path)).rejects.toMatchObject({ code: 'BAD_REQUESTS' });
});

test('a column holds the id that each request was sent with, by the run that sent it', async () => {
  const records = [0, 1, 2, 3].map(index => requestOf(index, index));
  await writeRequests(directory, [...records, { ...requestOf(4, 4), sentAs: 31 }], index => `run-${(index % 2) + 1}`);
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(join(directory, REQUESTS_FILE)) });
  const sent = rows.map(({ requestId }) => requestId);
  expect(sent).toEqual([...[0, 1, 2, 3].map(i => `squall-run-${(i % 2) + 1}-${i}`), 'squall-run-1-31']);
  expect([...(await readRequests(directory))].slice(0, 4)).toEqual(records);
});

test('a last line truncated by a kill is ignored', async () => {
  const records = oddRecords(5);
  journal(records, '{"index":5,"schedul');
  expect([...(await readRequests(directory))]).toEqual(records);
  expect(await sealRequests(directory, () => 'a-run')).toBe(5);
  expect([...(await readRequests(directory))]).toEqual(records);
});

test('a bad line in the middle is an error that names the line, and nothing is lost', async () => {
  writeFileSync(join(directory, 'requests.ndjson'), `${JSON.stringify(requestOf(0, 0))}\nnonsense\n{}\n`);
  await expect(sealRequests(directory, () => 'a-run')).rejects.toMatchObject({
    code: 'BAD_JOURNAL',
    message: expect.stringContaining('Line 2'),
  });
  expect(existsSync(join(directory, 'requests.ndjson'))).toBe(true);
  expect(existsSync(join(directory, REQUESTS_FILE))).toBe(false);
});

test('a run that sent nothing has no requests', async () => {
  expect(await sealRequests(directory, () => 'a-run')).toBe(0);
  expect([...(await readRequests(directory))]).toEqual([]);
  journal([]);
  expect(await sealRequests(directory, () => 'a-run')).toBe(0);
  expect(existsSync(join(directory, REQUESTS_FILE))).toBe(true);
  expect([...(await readRequests(directory))]).toEqual([]);
});

test('sealing twice changes nothing', async () => {
  journal(oddRecords(10));
  await sealRequests(directory, () => 'a-run');
  await sealRequests(directory, () => 'a-run');
  expect([...(await readRequests(directory))]).toEqual(oddRecords(10));
});
