const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SCAN_BYTES = 32;

/**
 * Whether arrays and objects in a JSON text are nested more than `maxDepth` deep. Counts brackets outside strings without parsing,
 * so the result is defined for invalid JSON too. Strings, which make up most of a prompt, are skipped quickly.
 */
export function isDeeperThan(json: Buffer, maxDepth: number): boolean {
  let depth = 0;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === QUOTE) {
      at = endOfString(json, at + 1);
      if (at < 0) return false;
    } else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > maxDepth) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

/** Index of the closing quote of the string that continues at `from`; −1 if unterminated. */
function endOfString(json: Buffer, from: number): number {
  // Most strings are keys, too short to be worth a native search.
  for (let at = from; at < from + SCAN_BYTES; at += 1) {
    if (json[at] === BACKSLASH) at += 1;
    else if (json[at] === QUOTE) return at;
  }
  return findClosingQuote(json, from);
}

function findClosingQuote(json: Buffer, from: number): number {
  for (let quote = json.indexOf(QUOTE, from); quote >= 0; quote = json.indexOf(QUOTE, quote + 1)) {
    let escapes = 0;
    while (json[quote - 1 - escapes] === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return quote;
  }
  return -1;
}
