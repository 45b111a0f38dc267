import { createHash } from 'node:crypto';
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
import { SUITE_PLACES } from './suite.ts';

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
  platforms: z.array(z.enum(SUITE_PLACES)).min(1),
  /** The server that it tests, where that is `external`. */
  target: z.string().optional(),
  /** The suite as it was, with every default filled in. */
  suite: z.looseObject({ name: z.string() }),
  /** What each scenario was, as a SHA-256, by name or path. */
  scenarios: texts,
  replay: z.string(),
});

const entrySchema = z.object({
  type: z.literal('run'),
  scenario: z.string(),
  platform: z.enum(SUITE_PLACES),
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
export type SuiteHeader = z.output<typeof headerSchema>;
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
  const { line, seal } = sealed(header, '');
  writeFileSync(join(folder, JOURNAL), line, { mode: 0o600, flag: 'wx' });
  return opened(folder, { header, entries: [], seal });
}

/** A line with its seal: a SHA-256 of it and of the seal before, so that a line that was changed, removed or put elsewhere is found. */
function sealed(value: object, before: string): { readonly line: string; readonly seal: string } {
  const seal = sealOf(JSON.stringify(value), before);
  return { line: `${JSON.stringify({ ...value, seal })}\n`, seal };
}

function sealOf(text: string, before: string): string {
  return createHash('sha256').update(before).update(text).digest('hex');
}

/**
 * Goes on with a journal. A last line that its process was killed in the middle of is cut off.
 * @throws SquallError as {@link readJournal}, and `SUITE_RUNNING`
 */
export function resumeJournal(folder: string): Journal {
  const { header, entries, seal, bytes, whole } = readJournal(folder);
  const journal = opened(folder, { header, entries, seal });
  if (whole < bytes) {
    const file = openSync(join(folder, JOURNAL), 'r+');
    ftruncateSync(file, whole);
    closeSync(file);
  }
  return journal;
}

/**
 * Reads a journal, which may still grow. One of an earlier version has no seals.
 * @returns also its size, that of its whole lines, and the seal of the last
 * @throws SquallError `UNKNOWN_SUITE_FOLDER`, `BAD_SUITE_FOLDER` with the line
 */
export function readJournal(folder: string): Written & { readonly bytes: number; readonly whole: number } {
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
  const { value, seal: begun } = lineOf(path, 1, first, headerSchema, '');
  let seal = begun;
  const entries = others.map((line, index) => {
    const read = lineOf(path, index + 2, line, entrySchema, seal);
    seal = read.seal;
    return read.value;
  });
  return { header: value as SuiteHeader, entries, seal, bytes: bytes.length, whole: whole.length };
}

/** What a journal has; `seal` is undefined for one without. */
type Written = Pick<Journal, 'header' | 'entries'> & { readonly seal: string | undefined };

function opened(folder: string, { header, entries, seal }: Written): Journal {
  const release = lock(folder);
  const file = openSync(join(folder, JOURNAL), 'a', 0o600);
  let before = seal;
  return {
    header,
    entries,
    append(entry) {
      const next = before === undefined ? { line: `${JSON.stringify(entry)}\n`, seal: before } : sealed(entry, before);
      writeSync(file, next.line);
      before = next.seal;
    },
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

/** A line, and its seal. @param before the seal of the line before, empty for the first; undefined where it has none */
function lineOf<Value>(
  path: string,
  number: number,
  line: string,
  schema: z.ZodType<Value>,
  before: string | undefined,
): { readonly value: Value; readonly seal: string | undefined } {
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
  const found = value as { readonly schema?: unknown; readonly seal?: string } | null;
  if (parsed.success) {
    const { seal, ...own } = found!;
    const isFirstWithout = number === 1 && seal === undefined;
    if (before === undefined || isFirstWithout) return { value: parsed.data, seal: undefined };
    if (seal !== sealOf(JSON.stringify(own), before)) throw bad('it, or one before it, was changed or removed since');
    return { value: parsed.data, seal };
  }
  const version = found?.schema;
  if (number === 1 && typeof version === 'number' && version !== SCHEMA)
    throw bad(`its \`schema\` is ${version}, and this version of Squall reads ${SCHEMA}`);
  const [issue] = parsed.error.issues;
  const why = issue!.message.replace(/^Invalid input: /, '').replace('received undefined', 'found nothing');
  throw bad(`\`${issue!.path.join('.') || 'it'}\` is wrong: ${why.replace('received', 'found')}`);
}
