import { hash } from 'node:crypto';

/** What the first record of a chain has in place of the hash of the one before. */
export const GENESIS = '0'.repeat(64);

/** Where a chain ends: number and hash of its last record. */
export interface ChainHead {
  readonly seq: number;
  readonly hash: string;
}

/** Before the first record. */
export const EMPTY_CHAIN: ChainHead = { seq: 0, hash: GENESIS };

/** A line that is not complete: the gateway died while it wrote it. */
export interface Torn {
  readonly bytes: number;
  readonly sha256: string;
}

/**
 * Content of a record, by its type.
 *
 * - `file`: the first of each file, with its name
 * - `start`: the gateway began to write, after a line that is torn if it had died in the middle of one
 * - `request`: a request has ended
 * - `admin`: a change through the admin API, or an attempt at one
 * - `dropped`: so many records were not written, since then
 * - `expired`: the last record of a file that is going to be deleted, since it is older than it has to be kept
 */
export type AuditContent =
  | { readonly type: 'file'; readonly file: string }
  | { readonly type: 'start'; readonly torn?: Torn }
  | { readonly type: 'dropped'; readonly count: number; readonly since: string; readonly reason: 'full' | 'error' }
  | { readonly type: 'expired'; readonly file: string; readonly last: ChainHead }
  | { readonly type: 'request' | 'admin'; readonly [field: string]: unknown };

/** A record as it is read. */
export interface AuditRecord extends ChainHead {
  readonly prev: string;
  readonly time: string;
  readonly content: AuditContent;
}

const LINE = /^(\{"seq":.*),"hash":"([0-9a-f]{64})"\}$/s;

/**
 * The line of the record after `before`, without its line end: `{"seq":…,"time":…,"type":…, …,"prev":HASH,"hash":HASH}`, where `prev` is the
 * hash of the record before, and `hash` the SHA-256 of the line up to its comma, in hex.
 */
export function sealed(content: AuditContent, time: string, before: ChainHead): ChainHead & { readonly line: string } {
  const seq = before.seq + 1;
  const begun = JSON.stringify({ seq, time, ...content, prev: before.hash }).slice(0, -1);
  const sha256 = hash('sha256', begun);
  return { seq, hash: sha256, line: `${begun},"hash":"${sha256}"}` };
}

/** Reads a line; undefined if it is no record, or if its hash is not that of its content. */
export function opened(line: Buffer): AuditRecord | undefined {
  const [, begun, sealedHash] = LINE.exec(line.toString('utf8')) ?? [];
  if (begun === undefined || hash('sha256', begun) !== sealedHash) return undefined;
  try {
    const { seq, time, prev, ...content } = JSON.parse(`${begun}}`) as Record<string, unknown>;
    if (!Number.isSafeInteger(seq) || typeof prev !== 'string' || typeof content.type !== 'string') return undefined;
    return { seq: seq as number, time: String(time), prev, hash: sealedHash!, content: content as AuditContent };
  } catch {
    return undefined;
  }
}

/** What a torn line is known by. */
export function tornOf(line: Buffer): Torn {
  return { bytes: line.length, sha256: hash('sha256', line) };
}
