const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LEAP_BYTES = 32;

/**
 * Whether arrays and objects of a JSON text stand in each other more than `most` deep. Nothing is parsed: brackets outside
 * strings are counted, so text that is no JSON gets some answer too. Strings, which are most of a prompt, are leapt over.
 */
export function isDeeperThan(json: Buffer, most: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfString(json, at + 1);
      if (at < 0) return false;
    } else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > most) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

/** Where the string that goes on at `from` has its closing quote, −1 without one. */
function endOfString(json: Buffer, from: number): number {
  // Most strings are names: shorter than what it takes to leave JavaScript for the search.
  for (let at = from; at < from + LEAP_BYTES; at += 1) {
    if (json[at] === BACKSLASH) at += 1;
    else if (json[at] === QUOTE) return at;
  }
  return leap(json, from);
}

function leap(json: Buffer, from: number): number {
  for (let quote = json.indexOf(QUOTE, from); quote >= 0; quote = json.indexOf(QUOTE, quote + 1)) {
    let escapes = 0;
    while (json[quote - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return quote;
  }
  return -1;
}
