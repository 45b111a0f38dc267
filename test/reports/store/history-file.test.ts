import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { fileWriter, parquetWriteRows } from 'hyparquet-writer';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type HistoryRow,
  hasNight,
  type Retention,
  readNights,
  surplusNights,
  writeNight,
} from '../../../reports/store/history-file.ts';
import { nights, row } from '../trend/nights.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'squall-history-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ROWS = [
  row({ seed: 0xffffffff, value: 0.1 + 0.2 }),
  row({ slo: null, window: null, objective: null, unit: null, limit: null, value: null, lower: null, upper: null }),
  row({ samples: null, verdict: null, commit: null, infinite: 'measured upper' }),
];
const path = () => join(folder, 'mine-1.parquet');
const reasons = async () => (await readNights(folder)).damaged.map(({ reason }) => reason);

/** What an editor does that keeps, or drops, what is said about the file. */
async function edited(own: Partial<Record<keyof HistoryRow, unknown>>, keepsNotes: boolean): Promise<void> {
  const file = await asyncBufferFromFile(path());
  const metadata = await parquetMetadataAsync(file);
  const rows = await parquetReadObjects({ file, metadata });
  Object.assign(rows[0]!, own);
  await parquetWriteRows({
    ...{ writer: fileWriter(path()), rows, schema: metadata.schema },
    columns: metadata.schema.slice(1).map(({ name }) => ({ name })),
    ...(keepsNotes && { kvMetadata: metadata.key_value_metadata! }),
  });
}

describe('a night of a history', () => {
  it('is read as it was written, the oldest first', async () => {
    // Another process is about to write the same night.
    mkdirSync(`${path()}.part`);
    writeNight(folder, ROWS);
    writeNight(folder, [row({ night: 'mine-0', startedAt: '2029-12-31T23:00:00.000Z' })]);
    expect(hasNight(folder, 'mine-1')).toBe(true);
    const { nights, damaged } = await readNights(folder);
    expect(damaged).toEqual([]);
    expect(nights.map(({ rows }) => rows[0]!.night)).toEqual(['mine-0', 'mine-1']);
    expect(nights[1]!.rows).toEqual(ROWS);
    expect(await readNights(join(folder, 'none'))).toEqual({ nights: [], damaged: [] });
  });

  it('is not written where it could not be read again', async () => {
    expect(() => writeNight(folder, [row({ scenario: '../x' })])).toThrow(/`scenario` of row 1 is wrong/);
    expect(hasNight(folder, 'mine-1')).toBe(false);
  });
});

describe('the nights that a history may not keep', () => {
  // Five nights of 100 bytes, from the first to the fifth of January.
  const five = nights(Array.from({ length: 5 }, () => [{}])).map(night => ({ ...night, bytes: 100 }));
  const nowMs = Date.UTC(2030, 0, 6);

  it.each<[string, Omit<Retention, 'nowMs'>, number[], RegExp]>([
    ['none without limits', {}, [], /./],
    ['those that are too old', { keepDays: 3 }, [0, 1], /^it is older than 3 days$/],
    ['the oldest while all are too large', { keepBytes: 250 }, [0, 1, 2], /^all are larger than 250B$/],
    ['both', { keepDays: 4, keepBytes: 300 }, [0, 1], /older|larger/],
    ['never the newest', { keepDays: 0, keepBytes: 1 }, [0, 1, 2, 3], /older/],
  ])('are %s', (_, limits, expected, reason) => {
    const surplus = surplusNights(five, { nowMs, ...limits });
    expect([...surplus.keys()]).toEqual(expected.map(index => five[index]));
    for (const why of surplus.values()) expect(why).toMatch(reason);
  });
});

describe('a night that is no longer as it was written', () => {
  beforeEach(() => writeNight(folder, ROWS));

  it('is left out with the reason, wherever it was cut, and the others are read', async () => {
    writeNight(folder, [row({ night: 'other' })]);
    const bytes = readFileSync(path());
    for (let size = 0; size < bytes.length; size += 97) {
      writeFileSync(path(), bytes.subarray(0, size));
      const { nights, damaged } = await readNights(folder);
      expect(damaged, `cut at ${size}`).toMatchObject([{ reason: expect.stringMatching(/cut short/) }]);
      expect(nights.map(({ rows }) => rows[0]!.night)).toEqual(['other']);
    }
  });

  // Of some of these files a parser never comes to an end.
  it('is left out where one of its bytes is another', async () => {
    const bytes = readFileSync(path());
    for (let at = 0; at < bytes.length; at += 53) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 0x15;
      writeFileSync(path(), changed);
      expect(await reasons(), `byte ${at}`).toEqual([expect.stringMatching(/^it .{10,}\.$|^its schema/s)]);
    }
  });

  it.each<[string, () => unknown, RegExp]>([
    ['a value was edited', () => edited({ value: 1 }, true), /^it was changed since it was written\.$/],
    ['another program wrote it', () => edited({}, false), /^it is no night of a history/],
    ['it is text', () => writeFileSync(path(), 'PAR1 or so'), /^it is no Parquet file/],
    [
      'it has another name',
      () => writeFileSync(join(folder, 'copy.parquet'), readFileSync(path())),
      /^it holds the night mine-1\.$/,
    ],
    [
      'it is of a version to come',
      () => {
        const bytes = readFileSync(path());
        const key = 'squall.history';
        // The value follows its key, a header and its length.
        bytes[bytes.lastIndexOf(key) + key.length + 2] = '2'.charCodeAt(0);
        writeFileSync(path(), bytes);
      },
      /^its schema is 2, and this version of Squall reads 1\.$/,
    ],
  ])('is left out with the reason: %s', async (_, change, reason) => {
    await change();
    expect(await reasons()).toEqual([expect.stringMatching(reason)]);
  });
});
