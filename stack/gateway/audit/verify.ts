import { chainFiles, type Line, linesOf } from './chain-files.ts';
import { type AuditRecord, type ChainHead, EMPTY_CHAIN, opened, tornOf } from './record.ts';

/**
 * What is wrong with a chain, at the first line where it shows.
 *
 * - `changed`: the line is not what was written
 * - `removed`: records are missing before it
 * - `added`: the line was not written there
 * - `incomplete`: the last line breaks off; the gateway died while it wrote it and has not been started since, or the end was cut off
 */
export interface Finding {
  readonly kind: 'changed' | 'removed' | 'added' | 'incomplete';
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly why: string;
}

/** Result of {@link verifyChain}. */
export interface Verification {
  readonly files: readonly string[];
  /** Number of whole records that were read. */
  readonly records: number;
  /** Number and hash of the first record that is kept. */
  readonly first: ChainHead | undefined;
  /** Number and hash of the last record. */
  readonly head: ChainHead;
  /** Requests that the gateway could not record, as it says itself. */
  readonly dropped: number;
  /** Undefined if the chain is whole. */
  readonly finding: Finding | undefined;
}

/**
 * Verifies the chain of the files in a folder, up to the first line that is wrong. What it cannot see: that records at the end were removed,
 * or all of them from some line on written anew, unless `anchor`, a head that was kept elsewhere, says what has to be there.
 * @throws the system's error
 */
export async function verifyChain(folder: string, anchor?: ChainHead): Promise<Verification> {
  const files = await chainFiles(folder);
  const chain = new ChainCheck(anchor);
  let before: Line | undefined;
  for await (const line of linesOf(folder, files)) {
    if (before) chain.check(before, line);
    before = line;
    if (chain.finding) break;
  }
  if (before && !chain.finding) chain.check(before, undefined);
  const last = before ?? { file: files.at(-1) ?? '', number: 0 };
  return { ...chain.result(last), files };
}

class ChainCheck {
  finding: Finding | undefined;
  readonly #anchor: ChainHead | undefined;
  #records = 0;
  #dropped = 0;
  #first: AuditRecord | undefined;
  #firstLine: Line | undefined;
  #head: ChainHead = EMPTY_CHAIN;
  #beforeHead: ChainHead = EMPTY_CHAIN;
  #lastLine: Line | undefined;
  #isAnchored = false;
  #isTorn = false;
  /** Hashes of the last records of files that have expired. */
  readonly #expired = new Set<string>();

  constructor(anchor: ChainHead | undefined) {
    this.#anchor = anchor;
  }

  /** Checks a line, by the one after it as well. */
  check(line: Line, next: Line | undefined): void {
    const record = line.isTerminated ? opened(line.bytes) : undefined;
    const after = next && opened(next.bytes);
    // What a torn line holds does not count: the record after it says that it is one.
    if (this.#isTornBy(line, after)) {
      this.#isTorn = true;
      return;
    }
    if (!record) this.#unreadable(line, next, after);
    if (!record || (this.#first && !this.#follows(line, record, after))) return;
    if (!this.#isWhereItSays(line, record)) return;
    this.#take(line, record);
  }

  result({ file, number }: { readonly file: string; readonly number: number }): Omit<Verification, 'files'> {
    const { hash, seq } = this.#head;
    const first = this.#first;
    if (!this.finding && first && first.seq > 1 && !this.#expired.has(first.prev))
      this.#find(
        'removed',
        this.#firstLine!,
        `the files with records 1 to ${first.seq - 1} are missing, and none of the others says that they have expired`,
      );
    const anchor = this.#anchor;
    // An anchor that has expired is none.
    if (!this.finding && anchor && !this.#isAnchored && anchor.seq >= (first?.seq ?? 1)) {
      const why =
        anchor.seq > seq
          ? `the records ${seq + 1} to ${anchor.seq} are missing after it`
          : `record ${anchor.seq} is another one than the anchor's`;
      this.finding = { kind: anchor.seq > seq ? 'removed' : 'changed', file, line: number, why };
    }
    return {
      ...{ records: this.#records, dropped: this.#dropped, finding: this.finding, head: { seq, hash } },
      first: first && { seq: first.seq, hash: first.hash },
    };
  }

  #isTornBy(line: Line, after: AuditRecord | undefined): boolean {
    const torn = after?.content.type === 'start' ? after.content.torn : undefined;
    return torn !== undefined && torn.sha256 === tornOf(line.bytes).sha256 && after?.prev === this.#head.hash;
  }

  #unreadable(line: Line, next: Line | undefined, after: AuditRecord | undefined): void {
    const { seq, hash } = this.#head;
    if (!next && !line.isTerminated) {
      const why =
        'it breaks off; the gateway was killed while it wrote it and has not been started since, or the end was cut off';
      this.#find('incomplete', line, why);
    } else if (after && after.seq === seq + 1 && after.prev === hash)
      this.#find('added', line, 'it is no record, and the next line follows the one before it');
    else this.#find('changed', line, `its hash is not that of its content; record ${seq + 1} was expected`);
  }

  /** Whether a record follows the one before. */
  #follows(line: Line, record: AuditRecord, after: AuditRecord | undefined): boolean {
    const { seq, hash } = this.#head;
    if (record.seq === seq + 1 && record.prev === hash) return true;
    if (record.seq === seq + 1)
      this.#find('changed', this.#lastLine!, `record ${record.seq}, which follows it, names another hash than its own`);
    else if (record.seq > seq + 1) {
      const missing =
        record.seq === seq + 2 ? `record ${seq + 1} is` : `the records ${seq + 1} to ${record.seq - 1} are`;
      this.#find('removed', line, `${missing} missing before it`);
    } else if (
      record.seq === seq &&
      record.hash !== hash &&
      record.prev === this.#beforeHead.hash &&
      after?.prev === record.hash
    )
      // Two records for one place: the next one tells which was there.
      this.#find('added', this.#lastLine!, `record ${seq} is there twice, and the next one follows the other`);
    else
      this.#find(
        'added',
        line,
        `record ${record.seq} was there before, or is another one; record ${seq + 1} was expected`,
      );
    return false;
  }

  /** Whether files have their names, and lines that are torn were there. */
  #isWhereItSays(line: Line, { content, seq }: AuditRecord): boolean {
    if (line.number === 1 && !(content.type === 'file' && content.file === line.file)) {
      this.#find(
        seq > 1 ? 'removed' : 'added',
        line,
        `the first record of a file names it, ${line.file}; this one does not`,
      );
      return false;
    }
    if (content.type === 'start' && content.torn && !this.#isTorn) {
      this.#find('removed', line, 'the torn line that it names is missing before it');
      return false;
    }
    return true;
  }

  #take(line: Line, record: AuditRecord): void {
    this.#records += 1;
    if (!this.#first) {
      this.#first = record;
      this.#firstLine = line;
    }
    this.#isTorn = false;
    this.#beforeHead = this.#head;
    this.#head = { seq: record.seq, hash: record.hash };
    this.#lastLine = line;
    const { content } = record;
    if (content.type === 'expired') this.#expired.add(content.last.hash);
    if (content.type === 'dropped') this.#dropped += content.count;
    if (record.seq === this.#anchor?.seq && record.hash === this.#anchor.hash) this.#isAnchored = true;
  }

  #find(kind: Finding['kind'], { file, number }: Line, why: string): void {
    this.finding = { kind, file, line: number, why };
  }
}
