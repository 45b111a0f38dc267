import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parquetReadObjects, type SchemaElement } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { z } from 'zod';
import { messageOf } from '../../harness/errors.ts';
import { readBytes } from '../../harness/input/files.ts';
import { removeUnfinished, replaceFile } from '../../harness/input/fresh-file.ts';
import { formatSize } from '../../harness/quantity.ts';

const SCHEMA = 1;
const DAY_MS = 86_400_000;
/** Keys of what the footer says: the schema, and a SHA-256 of the file as it is with {@link NO_DIGEST}. */
const KEYS = { schema: 'squall.history', digest: 'squall.digest' } as const;
const NO_DIGEST = '0'.repeat(64);
const SUFFIX = '.parquet';
/** Of a suite of more runs and SLOs than anybody has patience for. */
const MAX_BYTES = 64 * 2 ** 20;

const verdict = z.enum(['pass', 'fail', 'inconclusive', 'invalid']);
const name = z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'expected lower-case letters, digits and dashes');
const id = z.string().regex(/^[\w-]+$/, 'expected an id');

const rowSchema = z.strictObject({
  /** Id of the suite, or of the run without one. */
  night: id,
  /** Name of the suite; `runs` for a run without one. */
  suite: name,
  startedAt: z.iso.datetime(),
  commit: z.string().nullable(),
  machine: z.string(),
  versions: z.string(),
  scenario: name,
  platform: name,
  seed: z.number(),
  repeat: z.number(),
  runVerdict: verdict,
  definition: z.string(),
  slo: z.string().nullable(),
  window: z.string().nullable(),
  objective: z.string().nullable(),
  unit: z.string().nullable(),
  limit: z.number().nullable(),
  value: z.number().nullable(),
  lower: z.number().nullable(),
  upper: z.number().nullable(),
  infinite: z.string().nullable(),
  samples: z.number().nullable(),
  verdict: verdict.nullable(),
});

/**
 * One SLO of one run of a night. A run without SLOs that were judged has one row, in which all from `slo` on is null. `machine` and `versions` are
 * JSON; `definition` is a digest of what was measured, see `definitionOf`; `infinite` names those of `measured`, `lower` and `upper` that are
 * beyond every value, and therefore null.
 */
export type HistoryRow = z.output<typeof rowSchema>;

const TEXT = { type: 'BYTE_ARRAY', converted_type: 'UTF8' } as const;
const OF_NUMBERS: Readonly<Partial<Record<keyof HistoryRow, Partial<SchemaElement>>>> = {
  seed: { type: 'INT64' },
  repeat: { type: 'INT32' },
  samples: { type: 'INT64' },
  ...Object.fromEntries(['limit', 'value', 'lower', 'upper'].map(column => [column, { type: 'DOUBLE' }])),
};
const COLUMNS = Object.entries(rowSchema.shape).map(([column, { type }]): SchemaElement => {
  const own = OF_NUMBERS[column as keyof HistoryRow] ?? TEXT;
  return { name: column, repetition_type: type === 'nullable' ? 'OPTIONAL' : 'REQUIRED', ...own };
});

/** A night that was read, with at least one row. */
export interface StoredNight {
  readonly path: string;
  readonly bytes: number;
  readonly rows: readonly HistoryRow[];
}
/** A file that is no night, or no longer. */
export interface DamagedNight {
  readonly path: string;
  readonly reason: string;
}

/** Whether a history has a night already: what was written is never written again. */
export function hasNight(folder: string, night: string): boolean {
  return existsSync(join(folder, `${night}${SUFFIX}`));
}

/**
 * Appends a night to a history, as a file of its own, for this user alone. It gets its name only when it is complete.
 * @param rows at least one, all of one night
 * @throws Error for a row that could not be read again
 */
export function writeNight(folder: string, rows: readonly HistoryRow[]): void {
  rows.forEach(rowOf);
  const bytes = Buffer.from(
    parquetWriteBuffer({
      columnData: COLUMNS.map(({ name: column }) => ({
        name: column,
        data: rows.map(row => storedValue(row, column as keyof HistoryRow)),
      })),
      schema: [{ name: 'night', num_children: COLUMNS.length }, ...COLUMNS],
      kvMetadata: [
        { key: KEYS.schema, value: String(SCHEMA) },
        { key: KEYS.digest, value: NO_DIGEST },
      ],
    }),
  );
  bytes.write(digestOf(bytes), bytes.lastIndexOf(NO_DIGEST));
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${rows[0]!.night}${SUFFIX}`);
  replaceFile(path, bytes);
  removeUnfinished(folder);
}

function storedValue(row: HistoryRow, column: keyof HistoryRow): unknown {
  const value = row[column];
  return OF_NUMBERS[column]?.type === 'INT64' && value !== null ? BigInt(value) : value;
}

/** SHA-256 of a file in which `digest` is not filled in yet. */
function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Reads a history: nights from the oldest to the newest, and the files that are none with the reason. A folder that does not exist is empty. */
export async function readNights(
  folder: string,
): Promise<{ readonly nights: readonly StoredNight[]; readonly damaged: readonly DamagedNight[] }> {
  const nights: StoredNight[] = [];
  const damaged: DamagedNight[] = [];
  const names = existsSync(folder) ? readdirSync(folder).filter(file => file.endsWith(SUFFIX)) : [];
  for (const file of names.sort()) {
    const path = join(folder, file);
    try {
      const { size: bytes } = statSync(path);
      const rows = await readNight(path);
      const id = rows[0]?.night ?? 'none';
      if (id !== file.slice(0, -SUFFIX.length)) throw new Error(`it holds the night ${id}`);
      nights.push({ path, bytes, rows });
    } catch (error) {
      damaged.push({ path, reason: `${messageOf(error).replace(/\.$/, '')}.` });
    }
  }
  const startOf = ({ rows }: StoredNight) => Date.parse(rows[0]!.startedAt);
  return { nights: nights.sort((a, b) => startOf(a) - startOf(b)), damaged };
}

/** What a history may hold; undefined for any. */
export interface Retention {
  /** Wall clock, in ms since 1970. */
  readonly nowMs: number;
  readonly keepDays?: number | undefined;
  readonly keepBytes?: number | undefined;
}

/**
 * Nights that are too old, and the oldest while all together are too large, each with the reason. The newest is never among them.
 * @param nights from the oldest to the newest
 */
export function surplusNights(
  nights: readonly StoredNight[],
  { nowMs, keepDays = Number.POSITIVE_INFINITY, keepBytes = Number.POSITIVE_INFINITY }: Retention,
): Map<StoredNight, string> {
  const surplus = new Map<StoredNight, string>();
  let bytes = nights.reduce((sum, night) => sum + night.bytes, 0);
  for (const night of nights.slice(0, -1)) {
    const isOld = nowMs - Date.parse(night.rows[0]!.startedAt) > keepDays * DAY_MS;
    if (!isOld && bytes <= keepBytes) continue;
    bytes -= night.bytes;
    surplus.set(night, isOld ? `it is older than ${keepDays} days` : `all are larger than ${formatSize(keepBytes)}`);
  }
  return surplus;
}

async function readNight(path: string): Promise<HistoryRow[]> {
  const bytes = readBytes(path, MAX_BYTES);
  const text = bytes.toString('latin1');
  if (!text.startsWith('PAR1') || !text.endsWith('PAR1')) throw new Error('it is no Parquet file, or was cut short');
  // Before anything is parsed: of a file that was changed a parser may never come to an end.
  const [, schema] = textAfter(text, KEYS.schema);
  if (schema === '') throw new Error(`it is no night of a history: it has no ${KEYS.schema}`);
  if (schema !== String(SCHEMA)) throw new Error(`its schema is ${schema}, and this version of Squall reads ${SCHEMA}`);
  const [at, digest] = textAfter(text, KEYS.digest);
  bytes.write(NO_DIGEST, at);
  if (digest !== digestOf(bytes)) throw new Error('it was changed since it was written');
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
  return (await parquetReadObjects({ file })).map(rowOf);
}

/** What is said in the footer under a key, and where; a text there has a header and its length before it. */
function textAfter(text: string, key: string): readonly [at: number, value: string] {
  const at = text.lastIndexOf(key) + key.length + 2;
  return at < key.length + 2 ? [0, ''] : [at, text.slice(at, at + text.charCodeAt(at - 1))];
}

function rowOf(raw: object, index: number): HistoryRow {
  const plain = Object.entries(raw).map(([column, value]) => [
    column,
    typeof value === 'bigint' ? Number(value) : value,
  ]);
  const parsed = rowSchema.safeParse(Object.fromEntries(plain));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Error(`\`${issue!.path.join('.') || 'row'}\` of row ${index + 1} is wrong: ${issue!.message}`);
}
