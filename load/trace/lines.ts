import { createHash } from 'node:crypto';
import { StringDecoder } from 'node:string_decoder';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { blocksOf as regularBlocks } from '../../harness/input/files.ts';

/** Larger files are refused: reading one twice would take minutes. */
const MAX_FILE_BYTES = 4 * 2 ** 30;
/** Maximum line length, so that a file without line ends cannot fill the memory. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/** What a file is read as, for messages and codes. */
export type FileKind = keyof typeof KINDS;

const KINDS = {
  trace: { code: 'TRACE', field: 'load.trace', noun: 'a trace' },
  prompts: { code: 'PROMPTS', field: 'load.workload.prompts', noun: 'a file of prompts' },
} as const;

/**
 * Lines of a file without their ends (LF or CRLF) and without a byte order mark, reading one block at a time.
 * @throws SquallError `TRACE_UNREADABLE` or `PROMPTS_UNREADABLE`
 */
export function* linesOf(path: string, kind: FileKind = 'trace'): Generator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let first = true;
  for (const block of blocksOf(path, kind)) {
    if (first) requireText(path, block, kind);
    let text = rest + decoder.write(block);
    if (first) text = text.replace(/^\uFEFF/, '');
    first = false;
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      yield withoutReturn(text.slice(from, end));
      from = end + 1;
    }
    rest = text.slice(from);
    if (rest.length > MAX_LINE_CHARACTERS) throw unreadable(path, kind, 'it has a line of more than 4 Mi characters');
  }
  rest += decoder.end();
  if (rest !== '') yield withoutReturn(rest);
}

/**
 * SHA-256 (hex) of a file.
 * @throws SquallError `TRACE_UNREADABLE` or `PROMPTS_UNREADABLE`
 */
export function hashFile(path: string, kind: FileKind = 'trace'): string {
  const hash = createHash('sha256');
  for (const block of blocksOf(path, kind)) hash.update(block);
  return hash.digest('hex');
}

/**
 * Checks that a file is the one that the plan was made from.
 * @throws SquallError `TRACE_CHANGED` or `PROMPTS_CHANGED`
 */
export function requireSameFile(
  { file, sha256 }: { readonly file: string; readonly sha256: string },
  kind: FileKind,
): void {
  const found = hashFile(file, kind);
  if (found === sha256) return;
  const { code, field, noun } = KINDS[kind];
  throw new SquallError(
    'scenario',
    `${code}_CHANGED`,
    `Expected ${file} to have the SHA-256 ${sha256}, got ${found}: it is not the ${noun.replace(/^a /, '')} of the plan`,
    { next: `Restore the recorded file, or remove \`${field}.sha256\` to use the present one.` },
  );
}

/** Blocks of a file; each overwrites the one before. */
function* blocksOf(path: string, kind: FileKind): Generator<Buffer> {
  try {
    yield* regularBlocks(path, MAX_FILE_BYTES);
  } catch (error) {
    throw error instanceof SquallError ? error : unreadable(path, kind, messageOf(error), undefined, error);
  }
}

/** Rejects a first block that is not text with lines: decoded, it would pass for a strange header. */
function requireText(path: string, block: Buffer, kind: FileKind): void {
  if (block[0] === 0x1f && block[1] === 0x8b)
    throw unreadable(path, kind, 'it is packed with gzip', `Unpack it first: gzip -dc ${path}`);
  if (block.includes(0))
    throw unreadable(
      path,
      kind,
      'it contains bytes of 0, as UTF-16 and binary files do',
      `Convert it to UTF-8 text first, for example: iconv -f UTF-16 -t UTF-8 ${path}`,
    );
  if (block.includes('\r') && !block.includes('\n'))
    throw unreadable(path, kind, 'its lines end in CR alone', `Convert them first: tr '\\r' '\\n' < ${path}`);
}

function unreadable(
  path: string,
  kind: FileKind,
  why: string,
  next = `Check ${path}; a relative path starts at the scenario file's folder.`,
  cause?: unknown,
): SquallError {
  const { code, field, noun } = KINDS[kind];
  const message = `Expected \`${field}.file\` to be ${noun}, but: ${why}`;
  return new SquallError('scenario', `${code}_UNREADABLE`, message, { next, cause });
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}

/** The object in a line of JSON lines; undefined for what is no JSON, or no object. */
export function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
