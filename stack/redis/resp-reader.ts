/** Reads the requests of Redis' protocol: arrays of bulk strings, or lines of words, however they are split. Texts hold a byte a character. */
export class RespReader {
  #rest: Buffer = Buffer.alloc(0);

  /** Commands that are complete with `bytes`, each with its arguments. */
  read(bytes: Buffer): string[][] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const commands: string[][] = [];
    for (let found = commandAt(this.#rest); found; found = commandAt(this.#rest)) {
      commands.push(found.parts);
      this.#rest = this.#rest.subarray(found.end);
    }
    return commands;
  }
}

const ARRAY = '*'.charCodeAt(0);

function commandAt(bytes: Buffer): { readonly parts: string[]; readonly end: number } | undefined {
  const parts: string[] = [];
  const head = numberAt(bytes, 0);
  if (!head) return undefined;
  if (bytes[0] !== ARRAY) return { parts: bytes.toString('latin1', 0, head.end).trim().split(/ +/), end: head.end };
  let at = head.end;
  while (parts.length < head.value) {
    const length = numberAt(bytes, at);
    if (!length || bytes.length < length.end + length.value + 2) return undefined;
    parts.push(bytes.toString('latin1', length.end, length.end + length.value));
    at = length.end + length.value + 2;
  }
  return { parts, end: at };
}

/** Number after the type's character, and where its line ends. */
function numberAt(bytes: Buffer, from: number): { readonly value: number; readonly end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', from);
  if (lineEnd < 0) return undefined;
  return { value: Number(bytes.toString('latin1', from + 1, lineEnd)), end: lineEnd + 2 };
}
