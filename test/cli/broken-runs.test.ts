import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeStored } from '../../cli/stored/report.ts';
import { SquallError } from '../../harness/errors.ts';
import type { TimedEvent } from '../../harness/history.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import { ARTIFACTS, publish } from '../../reports/publish.ts';
import { CHECKSUMS_FILE } from '../../reports/store/checksums.ts';
import { REQUESTS_FILE, writeRequests } from '../../reports/store/requests-file.ts';
import { historyOf, KILL, killed, planOf, steadyLoad } from '../reports/runs.ts';

const EVENTS = historyOf(planOf({ faults: [KILL], arrivals: { count: 620, sha256: '' } }), ...killed());
const RECORDS = steadyLoad();
let folder: string;
let whole: string;

const lines = (values: readonly object[]) => values.map(value => `${JSON.stringify(value)}\n`).join('');
const writeEvents = (directory: string, events: readonly TimedEvent[]) =>
  writeFileSync(join(directory, ARTIFACTS.events), lines(events));
/** A journal in place of the sealed file. */
const writeJournal = (directory: string, text: string) => {
  rmSync(join(directory, REQUESTS_FILE));
  writeFileSync(join(directory, 'requests.ndjson'), text);
};
const cutBytes = (directory: string, file: string, ratio: number) => {
  const path = join(directory, file);
  truncateSync(path, Math.floor(readFileSync(path).length * ratio));
};
const editBytes = (directory: string, file: string, edit: (bytes: Buffer) => void) => {
  const path = join(directory, file);
  const bytes = readFileSync(path);
  edit(bytes);
  writeFileSync(path, bytes);
};
const inPlan = (change: object) =>
  EVENTS.map(event =>
    event.type === 'plan' ? { ...event, plan: { ...event.plan, ...change } } : event,
  ) as TimedEvent[];
const changed = (index: number, change: object) =>
  lines(RECORDS.map((record, at) => (at === index ? { ...record, ...change } : record)));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'squall-broken-'));
  whole = join(folder, 'whole');
  mkdirSync(whole);
  writeEvents(whole, EVENTS);
  await writeRequests(whole, RECORDS, () => 'run-1');
});
afterAll(() => rmSync(folder, { recursive: true }));

type Break = (directory: string) => void | Promise<void>;

async function judged(breaks: Break) {
  const directory = mkdtempSync(join(folder, 'run-'));
  cpSync(whole, directory, { recursive: true });
  await breaks(directory);
  return judgeStored(directory, result => {
    publish(directory, result);
    return { document: result.document, html: readFileSync(join(directory, ARTIFACTS.html), 'utf8') };
  });
}

it('the whole run passes, or nothing here would show anything', async () => {
  expect((await judged(() => {})).document.verdict).toBe('pass');
});

describe('a broken run that is read as far as it goes is invalid, and says what is missing', () => {
  it.each<[string, Break, RegExp]>([
    ['killed in mid-run', d => writeEvents(d, EVENTS.slice(0, -2)), /truncated: the harness was killed/],
    [
      'killed before the fault was healed, with its journal',
      d => {
        writeEvents(
          d,
          EVENTS.filter(({ atMs }) => atMs < 25_000),
        );
        writeJournal(d, lines(RECORDS.filter(({ endMs }) => endMs < 25_000)));
      },
      /truncated: the harness was killed/,
    ],
    [
      'killed within an event and within a record',
      d => {
        writeEvents(d, EVENTS);
        cutBytes(d, ARTIFACTS.events, 0.97);
        writeJournal(d, lines(RECORDS));
        cutBytes(d, 'requests.ndjson', 0.5);
      },
      /truncated: the harness was killed/,
    ],
    [
      'a journal that ends early, of a run that ended',
      d => {
        writeJournal(d, lines(RECORDS));
        cutBytes(d, 'requests.ndjson', 0.5);
      },
      /3\d\d of 620 arrivals left no record/,
    ],
    [
      'with the requests of a longer run',
      d => writeEvents(d, inPlan({ arrivals: { count: 600, sha256: '' } })),
      /20 of 620 requests are not of this plan: they are those of another run/,
    ],
    ['without its requests', d => rmSync(join(d, REQUESTS_FILE)), /620 of 620 arrivals left no record/],
    [
      'with some records removed',
      d =>
        writeRequests(
          d,
          RECORDS.filter(({ index }) => index % 50 !== 7),
          () => 'run-1',
        ),
      /13 of 620 arrivals left no record/,
    ],
    [
      'without the steps of its fault',
      d =>
        writeEvents(
          d,
          EVENTS.filter(({ type }) => type !== 'fault'),
        ),
      /never injected/,
    ],
  ])('%s', async (_, breaks, reason) => {
    const { document, html } = await judged(breaks);
    expect(document).toMatchObject({ verdict: 'invalid', exitCode: 2 });
    expect(document.reasons.join('\n')).toMatch(reason);
    expect(html).toMatch(reason);
  });
});

describe('a broken run that cannot be read is refused with the reason', () => {
  const record = (change: (record: RequestRecord) => object) => (d: string) =>
    writeJournal(d, changed(300, change(RECORDS[300]!)));
  it.each<[string, Break, string, RegExp]>([
    ...[0.05, 0.5, 0.9, 0.999].map((ratio): [string, Break, string, RegExp] => [
      `Parquet that is cut at ${ratio}`,
      d => cutBytes(d, REQUESTS_FILE, ratio),
      'BAD_REQUESTS',
      /Expected .*requests\.parquet to contain the requests of a run, but/,
    ]),
    [
      'Parquet with pages of other bytes',
      d => editBytes(d, REQUESTS_FILE, bytes => bytes.fill(0xff, 2000, 9000)),
      'BAD_REQUESTS',
      /requests\.parquet/,
    ],
    [
      'Parquet whose records are in another order',
      d => writeRequests(d, RECORDS.toReversed(), () => 'run-1'),
      'BAD_REQUESTS',
      /not in the order of `index`/,
    ],
    [
      'a history of a later version',
      d =>
        writeEvents(d, EVENTS.map(event => (event.type === 'plan' ? { ...event, schema: 2 } : event)) as TimedEvent[]),
      'NEWER_RUN',
      /schema 2.*up to 1/,
    ],
    [
      'a record without a time',
      record(() => ({ endMs: undefined })),
      'BAD_JOURNAL',
      /Line 301 .*`endMs` to be a number, got nothing/,
    ],
    [
      'a record with a text for a time',
      record(() => ({ scheduledMs: '3' })),
      'BAD_JOURNAL',
      /Line 301 .*`scheduledMs` to be a number, got a text/,
    ],
    [
      'a record with other gaps',
      record(() => ({ gaps: { 370: 1 } })),
      'BAD_JOURNAL',
      /Line 301 .*`gaps` to be a list of numbers, got an object/,
    ],
    [
      'a journal with a line of something else',
      d => writeJournal(d, `${lines(RECORDS.slice(0, 9))}<<<<<<< HEAD\n${lines(RECORDS.slice(9))}`),
      'BAD_JOURNAL',
      /Line 10 /,
    ],
    [
      'a history with a line of something else',
      d =>
        writeFileSync(join(d, ARTIFACTS.events), `${lines(EVENTS.slice(0, 3))}<<<<<<< HEAD\n${lines(EVENTS.slice(3))}`),
      'BAD_HISTORY',
      /line 4 is no event/,
    ],
    ['a history without its plan', d => writeEvents(d, EVENTS.slice(1)), 'NO_PLAN', /begin with a plan/],
    [
      'a plan without its load',
      d => writeEvents(d, inPlan({ load: undefined })),
      'BAD_RUN',
      /records of a run, but: a value in events\.ndjson is missing/,
    ],
    ['empty Parquet', d => cutBytes(d, REQUESTS_FILE, 0), 'BAD_REQUESTS', /requests\.parquet .*but: it was cut/],
    [
      'a plan whose SLOs are a text',
      d => writeEvents(d, inPlan({ slos: 'errors <= 1%' })),
      'BAD_RUN',
      /records of a run/,
    ],
  ])('%s', async (_, breaks, code, message) => {
    const error = await judged(breaks).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(SquallError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), next: expect.any(String) });
  });
});

describe('a run that was published is refused once it is another', () => {
  const onLine = (directory: string, from: RegExp, to: string) => {
    const path = join(directory, ARTIFACTS.events);
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to));
  };
  it.each<[string, Break, RegExp]>([
    ['an SLO that was loosened by hand', d => onLine(d, /<= \d+/, '<= 9999'), /events\.ndjson to be as it was/],
    [
      'a single bit of its requests',
      d =>
        editBytes(d, REQUESTS_FILE, bytes => {
          bytes[5000]! ^= 1;
        }),
      /requests\.parquet to be as it was/,
    ],
    [
      'as many requests of another run',
      d =>
        writeRequests(
          d,
          RECORDS.map(record => ({ ...record, endMs: record.endMs + 1 })),
          () => 'run-2',
        ),
      /requests\.parquet .* or is that of another run/,
    ],
    [
      'digests without a file',
      d => writeFileSync(join(d, CHECKSUMS_FILE), ''),
      /SHA-256 of events\.ndjson, found none/,
    ],
    ['digests that are none', d => cutBytes(d, CHECKSUMS_FILE, 0.2), /line 1 is no SHA-256 and a name/],
  ])('%s', async (_, breaks, message) => {
    const error = await judged(async d => {
      await judgeStored(d, result => publish(d, result));
      await judgeStored(d, () => {}); // as it was
      await breaks(d);
    }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ kind: 'environment', code: 'CHANGED_RUN', next: expect.stringMatching(/Restore/) });
    expect((error as Error).message).toMatch(message);
  });

  it('unless its digests are removed', async () => {
    const { document } = await judged(async d => {
      await judgeStored(d, result => publish(d, result));
      onLine(d, /<= \d+/, '<= 9999');
      rmSync(join(d, CHECKSUMS_FILE));
    });
    expect(document.slos[0]!.objective).toContain('9999');
  });
});

it('says that the reports cannot be written, not that the run is broken', async () => {
  const error = await judged(d => {
    mkdirSync(join(d, ARTIFACTS.html));
  }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'OUTPUT_NOT_WRITABLE', message: expect.stringMatching(/EISDIR.*report\.html/) });
});

it('a text that was edited into an objective or a fault is no pass either', async () => {
  for (const slos of [[{ name: 'x', window: 'whole', objective: 'all is well' }], []]) {
    const { document } = await judged(d => writeEvents(d, inPlan({ slos })));
    expect(document.verdict).toBe('inconclusive');
  }
});
