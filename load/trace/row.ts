import type { SquallError } from '../../harness/errors.ts';

/** A line of a trace, not read yet: its cells by column or key. */
export interface RawRow {
  /** From 1. */
  readonly line: number;
  /** @throws SquallError `BAD_TRACE` where there is no such column */
  cell(column: string): unknown;
}

/** A trace file and the position in it, for messages. */
export interface TraceSource {
  readonly path: string;
  bad(line: number, column: string, expected: string, found: unknown): SquallError;
}
