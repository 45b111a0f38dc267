import type { ColumnValues, Numbers, Room } from './pages.ts';

/** Column of lists that remain in their file until they are wanted. */
export interface LaterColumn {
  readonly later: LaterLists;
  /** Its first row among those that are read together. */
  readonly first: number;
}

/** Lists of successive rows of a file. */
export interface LaterLists {
  /** Reads them into a room, until something else is read into it. */
  load(room: Room): ColumnValues;
}

/** Lists of successive rows, and where that of each begins among their elements. */
export interface Lists {
  readonly starts: Float64Array;
  readonly elements: Numbers;
  readonly lengths: Float64Array;
}

/** Puts where each list begins. @param lengths NaN for none */
export function putStarts(lengths: Float64Array, rows: number, starts: Float64Array): void {
  let next = 0;
  for (let row = 0; row < rows; row += 1) {
    starts[row] = next;
    next += lengths[row]! || 0;
  }
}
