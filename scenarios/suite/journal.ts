import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { isProcessAlive, startTimeOf } from '../../harness/host/process-group.ts';
import { readBytes } from '../../harness/input/files.ts';
import { SUITE_PLATFORMS, type SuitePlatform } from './suite.ts';

/** Name of the journal in the folder of a suite. */
export const JOURNAL = 'journal.ndjson';
const LOCK = 'journal.lock';
const SCHEMA = 1;
/** Of a suite of the most scenarios, seeds and proofs that anybody has patience for. */
const MAX_BYTES = 256 * 2 ** 20;

const texts = z.record(z.string(), z.string());
const count = z.int().min(0);
const verdict = z.enum(['pass', 'fail', 'inconclusive', 'invalid']);

const headerSchema = z.object({
  type: z.literal('suite'),
  schema: z.literal(SCHEMA),
  /** Name or path of the suite. */
  source: z.string(),
  id: z.string(),
  startedAt: z.string(),
  machine: z.record(z.string(), z.union([z.string(), z.number()])),
  versions: texts,
  revision: z.object({ commit: z.string(), branch: z.string().exactOptional() }).optional(),
  /** Folder that relative paths of scenarios start from. */
  folder: z.string(),
  platforms: z.array(z.enum(SUITE_PLATFORMS)).min(1),
  /** The suite as it was, with every default filled in. */
  suite: z.unknown(),
  /** What each scenario was, as a SHA-256, by name or path. */
  scenarios: texts,
  replay: z.string(),
});

const entrySchema = z.object({
  type: z.literal('run'),
  scenario: z.string(),
  platform: z.enum(SUITE_PLATFORMS),
  seed: count,
  repeat: count.min(1),
  /** Index of the proof; null for the scenario as it is. */
  without: count.nullable(),
  /** Time that the suite had taken when the run ended, in ms, without pauses. */
  atMs: z.number(),
  run: z.object({
    directory: z
      .string()
      .regex(/^[\w-]+(\/[\w-]+)*$/, 'expected a folder below that of the suite')
      .optional(),
    verdict,
    exitCode: z.union([z.literal(0), z.literal(1), z.literal(2), z.literal(4), z.literal(130)]),
    reasons: z.array(z.string()),
    durationMs: z.number(),
    wallMs: z.number(),
    slos: z.array(
      z.object({
        name: z.string(),
        window: z.string(),
        objective: z.string(),
        verdict,
        measured: z.number().nullable(),
        unit: z.string(),
        reason: z.string(),
      }),
    ),
    files: texts,
  }),
  /** What the run proves, of a proof. */
  proof: z
    .object({ outcome: z.enum(['holds', 'proves-nothing', 'breaks-more', 'unusable']), sentence: z.string() })
    .optional(),
});

/** First line of a journal: the suite, and where it runs. */
export interface SuiteHeader extends z.output<typeof headerSchema> {
  readonly platforms: SuitePlatform[];
}
/** A further line: one run that ended. */
export type SuiteEntry = z.output<typeof entrySchema>;

/** The journal of a suite, opened by this process alone; disposing closes it. */
export interface Journal extends Disposable {
  readonly header: SuiteHeader;
  /** Those of earlier processes. */
  readonly entries: readonly SuiteEntry[];
  append(entry: SuiteEntry): void;
}

/** Begins a journal in the folder of a suite. */
export function createJournal(folder: string, header: SuiteHeader): Journal {
  writeFileSync(join(folder, JOURNAL), `${JSON.stringify(header)}\n`, { mode: 0o600, flag: 'wx' });
  return opened(folder, header, []);
}

/**
 * Goes on with a journal. A last line that its process was killed in the middle of is cut off.
 * @throws SquallError as {@link readJournal}, and `SUITE_RUNNING`
 */
export function resumeJournal(folder: string): Journal {
  const { header, entries, bytes, whole } = readJournal(folder);
  const journal = opened(folder, header, entries);
  if (whole < bytes) {
    const file = openSync(join(folder, JOURNAL), 'r+');
    ftruncateSync(file, whole);
    closeSync(file);
  }
  return journal;
}

/**
 * Reads a journal, which may still grow.
 * @returns also its size, and that of its whole lines
 * @throws SquallError `UNKNOWN_SUITE_FOLDER`, `BAD_SUITE_FOLDER` with the line
 */
export function readJournal(
  folder: string,
): Pick<Journal, 'header' | 'entries'> & { readonly bytes: number; readonly whole: number } {
  const path = join(folder, JOURNAL);
  let bytes: Buffer;
  try {
    bytes = readBytes(path, MAX_BYTES);
  } catch (error) {
    const isMissing = ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '');
    const found = isMissing
      ? `which has a ${JOURNAL}, found none`
      : `but its ${JOURNAL} is unreadable: ${messageOf(error)}`;
    throw new SquallError(
      'option',
      'UNKNOWN_SUITE_FOLDER',
      `Expected ${folder} to be the folder of a suite, ${found}`,
      {
        next: 'Give the folder that `squall suite` printed, or its id in the folder of --out.',
      },
    );
  }
  const whole = bytes.subarray(0, bytes.lastIndexOf('\n') + 1);
  const [first = '', ...others] = whole.toString('utf8').split('\n').slice(0, -1);
  const header = lineOf(path, 1, first, headerSchema) as SuiteHeader;
  const entries = others.map((line, index) => lineOf(path, index + 2, line, entrySchema));
  return { header, entries, bytes: bytes.length, whole: whole.length };
}

function opened(folder: string, header: SuiteHeader, entries: readonly SuiteEntry[]): Journal {
  const release = lock(folder);
  const file = openSync(join(folder, JOURNAL), 'a', 0o600);
  return {
    header,
    entries,
    append: entry => void writeSync(file, `${JSON.stringify(entry)}\n`),
    [Symbol.dispose]() {
      closeSync(file);
      release();
    },
  };
}

/** A folder belongs to one process at a time, also to one that was killed and left its lock. @returns what gives it back */
function lock(folder: string): () => void {
  const path = join(folder, LOCK);
  const owner = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const pid = Number.parseInt(owner, 10);
  if (pid > 0 && pid !== process.pid && owner === nameOf(pid))
    throw new SquallError(
      'option',
      'SUITE_RUNNING',
      `Expected ${folder} not to be in use, but process ${pid} runs its suite`,
      { next: `Wait for process ${pid} to end.` },
    );
  writeFileSync(path, nameOf(process.pid)!, { mode: 0o600 });
  return () => rmSync(path, { force: true });
}

/** Names a process for good, since ids are used again; undefined for none. */
function nameOf(pid: number): string | undefined {
  const startTime = startTimeOf(pid);
  if (startTime !== undefined) return `${pid} ${startTime}`;
  return isProcessAlive(pid) ? `${pid}` : undefined;
}

function lineOf<Value>(path: string, number: number, line: string, schema: z.ZodType<Value>): Value {
  const bad = (why: string) =>
    new SquallError(
      'environment',
      'BAD_SUITE_FOLDER',
      `Expected line ${number} of ${path} to be as it was written, but ${why}`,
      {
        next: 'Restore the file, or run the suite again.',
      },
    );
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw bad('it is no JSON');
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const found = (value as { schema?: unknown } | null)?.schema;
  if (number === 1 && typeof found === 'number' && found !== SCHEMA)
    throw bad(`its \`schema\` is ${found}, and this version of Squall reads ${SCHEMA}`);
  const [issue] = parsed.error.issues;
  throw bad(`\`${issue!.path.join('.') || 'it'}\` is wrong: ${issue!.message}`);
}
