import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../harness/random.ts';
import type { RequestRecord } from '../../../harness/requests.ts';
import { judge } from '../../../reports/judge/judge.ts';
import { textsThat } from '../../../reports/store/requests/chunk-columns.ts';
import { decode, encode } from '../../../reports/store/requests/encoding.ts';
import { readHybrid } from '../../../reports/store/requests/levels.ts';
import { ROWS } from '../../../reports/store/requests/row.ts';
import type { StoredRequests } from '../../../reports/store/requests/stored-requests.ts';
import { TableBuilder } from '../../../reports/store/requests/table.ts';
import { historyOf, KILL, killed, planOf, requestOf, steadyLoad } from '../runs.ts';

/** A table of records. @param memory bytes that it may keep in memory; the rest goes to a file */
function tableOf(records: readonly RequestRecord[], memory = 2 ** 20) {
  const builder = new TableBuilder(memory);
  const chunks = [];
  for (let from = 0; from < records.length; from += ROWS) {
    const part = records.slice(from, from + ROWS);
    chunks.push(builder.chunk(part.length, name => part.map(record => record[name])));
  }
  return builder.table(chunks);
}

const isResetText = (text: string) => text === 'reset';
const RANDOM = seededRandom(5);
/** Two chunks and a bit, with every field here and there. */
const MANY = Array.from({ length: 2 * ROWS + 77 }, (_, index) =>
  requestOf(index, index * 3.001 - 100, {
    outcome: RANDOM.pick(['ok', 'ok', 'reset', 'dropped', 'http-status'] as const),
    ...(index % 3 === 0 && { class: RANDOM.pick(['vip', 'ü']) }),
    ...(index % 7 === 0 && { attempts: 2, attemptsMs: [index, index + 0.1, index + 0.2, index + 1 / 3] }),
    more: { ...(index % 5 === 0 && { resent: true }), ...(index % 2 === 0 && { lastTokenMs: index / 7 }) },
  }),
);

describe('a table of requests', () => {
  // With no memory all columns come from the file.
  it.each([0, 2 ** 30])('has the records that it was made of, with %i bytes of memory', memory => {
    const table = tableOf(MANY, memory);
    expect([...table]).toEqual(MANY);
    const late = (record: RequestRecord) => record.scheduledMs > 40_000 && record.class === 'vip';
    const found = MANY.filter(late);
    expect(found.length).toBeGreaterThan(100);
    const selected = table.filter(late);
    expect([...selected]).toEqual(found);
    expect(selected.length).toBe(found.length);
    expect([...selected.filter(({ index }) => index % 2 === 0)]).toEqual(found.filter(({ index }) => index % 2 === 0));
    expect(table.find(late)).toEqual(found[0]);
    expect(selected.some(({ index }) => index === found[3]!.index)).toBe(true);
    expect(selected.some(({ index }) => index === found[3]!.index + 1)).toBe(false);
    expect(table.reduce((sum, { endMs }) => sum + endMs, 0)).toBe(MANY.reduce((sum, { endMs }) => sum + endMs, 0));
  });

  it('is folded as columns of numbers, also in part', () => {
    const table = tableOf(MANY, 0);
    for (const [part, records] of [
      [table, MANY],
      [table.filter(({ index }) => index % 3 === 1), MANY.filter(({ index }) => index % 3 === 1)],
    ] as const) {
      const seen: unknown[] = [];
      let rows = 0;
      (part as StoredRequests).eachColumns(columns => {
        expect(columns.first).toBe(rows);
        rows += columns.rows;
        const [scheduledMs, sentMs, outcomes] = (['scheduledMs', 'sentMs', 'outcome'] as const).map(name =>
          columns.values(name),
        );
        const { starts, lengths, elements } = columns.lists('gaps');
        const isReset = textsThat(columns, isResetText);
        for (let row = 0; row < columns.rows; row += 1) {
          const gaps = [...elements.subarray(starts[row], starts[row]! + lengths[row]!)];
          const outcome = columns.texts[outcomes![row]!];
          seen.push([scheduledMs![row], sentMs![row], outcome, isReset[outcomes![row]!] === 1, gaps]);
          expect(columns.record(row).index).toBe(records[seen.length - 1]!.index);
        }
      });
      const expected = records.map(({ scheduledMs, sentMs, outcome, gaps }) => [
        ...[scheduledMs, sentMs ?? Number.NaN, outcome, outcome === 'reset', gaps],
      ]);
      expect(seen).toEqual(expected);
    }
  });

  it('has selections of its records', () => {
    const table = tableOf(MANY);
    const selection = table.selection();
    table.eachColumns(({ at, rows }) => selection.add(at! + 10, at! + Math.min(rows, 50)));
    expect([...table.only(selection)]).toEqual(MANY.filter((_, at) => at % ROWS >= 10 && at % ROWS < 50));
  });

  it('need not look at chunks outside of an interval', () => {
    const seen: number[] = [];
    const test = ({ scheduledMs }: RequestRecord) => {
      seen.push(scheduledMs);
      return scheduledMs >= 50_000 && scheduledMs < 60_000;
    };
    const found = tableOf(MANY).filter(test, { fromMs: 50_000, toMs: 60_000 });
    expect([...found]).toEqual(MANY.filter(({ scheduledMs }) => scheduledMs >= 50_000 && scheduledMs < 60_000));
    expect(seen).toHaveLength(ROWS);
  });

  it('can be gone over while it is gone over', () => {
    const table = tableOf(MANY.slice(0, 50));
    let pairs = 0;
    table.forEach(({ index }) => {
      pairs += table.reduce((count, other) => (other.index < index ? count + 1 : count), 0);
    });
    expect(pairs).toBe((50 * 49) / 2);
  });

  it('is judged like the array', () => {
    const records = steadyLoad((ms, index) => (ms > 20_000 && ms < 24_000 && index % 2 ? { outcome: 'reset' } : {}));
    const slos = [
      'p95(ttft) <= 1 s',
      'recovery(kill) <= 20 s',
      'throughput >= 5/s',
      'p99(itl) <= 1 s',
      'attempts <= 2',
    ];
    const plan = planOf({
      faults: [KILL],
      slos: slos.map(objective => ({ name: objective, window: 'whole', objective })),
    });
    const events = historyOf(plan, ...killed());
    expect(judge({ events, records: tableOf(records, 0) })).toEqual(judge({ events, records }));
  });

  it.each([
    ['a number for a text', { outcome: 3 }, 'Expected `outcome` to be a text, got 3'],
    ['a text for a number', { endMs: 'soon' }, 'Expected `endMs` to be a number, got a text'],
    ['no required value', { scheduledMs: undefined }, 'Expected `scheduledMs` to be a number, got nothing'],
    ['a list of texts', { gaps: ['1'] }, 'Expected `gaps` to be a list of numbers, got a text'],
  ])('refuses %s', (_, change, message) => {
    expect(() => tableOf([{ ...requestOf(0, 0), ...change } as unknown as RequestRecord])).toThrow(message);
  });
});

describe('the encoding of columns', () => {
  const none = Number.NaN;
  it.each([
    ['constant', [7, 7, 7]],
    ['constant', [none, none]],
    ['sequence', [5, 6, 7, 8]],
    ['bytes-1', [1, none, 250]],
    ['bytes-2', [-3, 40_000, none]],
    ['bytes-4', [0.001, 86_400.123, none, 0.002].map(ms => ms)],
    ['doubles', [1 / 3, 2, none]],
    ['doubles', [1e300, -1e300, Number.POSITIVE_INFINITY]],
  ] as const)('is %s for values that it holds', (kind, values) => {
    const { values: encoded, bytes } = encode(Float64Array.from(values));
    const decoded = new Float64Array(values.length);
    decode(encoded, bytes, values.length, decoded);
    expect([...decoded]).toEqual(values);
    expect(encoded.kind).toBe(kind);
  });
});

describe('levels and indexes', () => {
  // 3 times 5 as a run, then 0…7 packed into three bytes, the example of the Parquet specification, of which six are there.
  const BYTES = Uint8Array.of(0x06, 5, 0x03, 0b1000_1000, 0b1100_0110, 0b1111_1010);

  it('are read from runs and from packed bits', () => {
    const into = new Uint8Array(9).fill(99);
    readHybrid(BYTES, 3, 9, into);
    expect([...into]).toEqual([5, 5, 5, 0, 1, 2, 3, 4, 5]);
    readHybrid(new Uint8Array(), 0, 4, into);
    expect([...into.subarray(0, 5)]).toEqual([0, 0, 0, 0, 1]);
  });

  it.each([1, 5, 8, 9, 10, 17, 24])('of %i bits are read across bytes', width => {
    const numbers = Array.from({ length: 64 }, () => RANDOM.integer(0, 2 ** width - 1));
    const bits = numbers.flatMap(number => Array.from({ length: width }, (_, bit) => (number >>> bit) & 1));
    const packed = Array.from({ length: 8 * width }, (_, at) =>
      bits.slice(8 * at, 8 * at + 8).reduce((byte, bit, nth) => byte | (bit << nth), 0),
    );
    const into = new Uint32Array(64);
    readHybrid(Uint8Array.of((8 << 1) | 1, ...packed), width, 64, into);
    expect([...into]).toEqual(numbers);
  });

  it('are an error where they are cut, wherever that is', () => {
    for (let length = 0; length < BYTES.length; length += 1)
      expect(() => readHybrid(BYTES.subarray(0, length), 3, 11, new Uint8Array(11))).toThrow('a page is cut');
    expect(() => readHybrid(BYTES, 3, 12, new Uint8Array(12))).toThrow('a page is cut');
  });
});
