import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { messageOf, SquallError, type SquallErrorOptions } from '../../harness/errors.ts';

const BLOCK_BYTES = 64 * 1024;
/** Longest line; a file without line ends must not fill the memory. */
const MAX_LINE_CHARACTERS = 4 * 1024 * 1024;

/**
 * The lines of a file, one block of it in memory at a time; without their ends, LF or CRLF, and without a byte order mark.
 * @throws SquallError `TRACE_UNREADABLE`
 */
export function* linesOf(path: string): Generator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  let first = true;
  for (const block of blocksOf(path)) {
    if (first) requireText(path, block);
    let text = rest + decoder.write(block);
    if (first) text = text.replace(/^\uFEFF/, '');
    first = false;
    let from = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', from)) {
      yield withoutReturn(text.slice(from, end));
      from = end + 1;
    }
    rest = text.slice(from);
    if (rest.length > MAX_LINE_CHARACTERS) throw unreadable(path, 'it has a line of more than 4 Mi characters');
  }
  rest += decoder.end();
  if (rest !== '') yield withoutReturn(rest);
}

/**
 * SHA-256 (hex) of a file.
 * @throws SquallError `TRACE_UNREADABLE`
 */
export function hashFile(path: string): string {
  const hash = createHash('sha256');
  for (const block of blocksOf(path)) hash.update(block);
  return hash.digest('hex');
}

/** Each block is overwritten by the next. */
function* blocksOf(path: string): Generator<Buffer> {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    const block = Buffer.allocUnsafe(BLOCK_BYTES);
    for (let size = readSync(file, block); size > 0; size = readSync(file, block)) yield block.subarray(0, size);
  } catch (error) {
    if (error instanceof SquallError) throw error;
    throw unreadable(path, messageOf(error), { cause: error });
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Looks at the first block for what is no text with lines: decoded, it would pass for a strange header. */
function requireText(path: string, block: Buffer): void {
  const not = (why: string, next: string) => unreadable(path, why, { next });
  if (block[0] === 0x1f && block[1] === 0x8b) throw not('it is packed with gzip', `Unpack it first: gzip -dc ${path}`);
  if (block.includes(0))
    throw not(
      'it holds bytes of 0, as UTF-16 and binary files do',
      `Convert it to UTF-8 text first, for example: iconv -f UTF-16 -t UTF-8 ${path}`,
    );
  if (block.includes('\r') && !block.includes('\n'))
    throw not('its lines end in CR alone', `Convert them first: tr '\\r' '\\n' < ${path}`);
}

function unreadable(
  path: string,
  why: string,
  {
    next = `Look at ${path}; a relative path starts at the scenario file's folder.`,
    ...options
  }: SquallErrorOptions = {},
): SquallError {
  const message = `Expected \`load.trace.file\` to be a trace, but: ${why}`;
  return new SquallError('scenario', 'TRACE_UNREADABLE', message, { ...options, next });
}

function withoutReturn(line: string): string {
  return line.endsWith('\r') ? line.slice(0, -1) : line;
}
