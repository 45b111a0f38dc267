import { SquallError } from '../../harness/errors.ts';
import { parseDurationMs, parseRatePerSecond } from '../../harness/quantity.ts';

const EXAMPLES = '"p99(ttft) <= 800 ms", "errors <= 1%", "throughput >= 20/s" or "recovery(kill) <= 10 s"';

/** The text of an objective with a reading position, which knows how to say what is wrong where. */
export class ObjectiveSource {
  readonly #text: string;
  readonly #field: string;
  #at = 0;
  /** Where the last token began. */
  lastAt = 0;

  constructor(text: string, field: string) {
    this.#text = text;
    this.#field = field;
  }

  /** Whether `token` comes next, after white space. */
  peek(token: string): boolean {
    this.#skip();
    this.lastAt = this.#at;
    return this.#text.startsWith(token, this.#at);
  }

  /** Reads what matches the sticky pattern. @throws SquallError that says what was expected */
  take(pattern: RegExp, expected: string): string {
    this.#skip();
    this.lastAt = this.#at;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) throw this.error(this.#at, this.#text.slice(this.#at), expected);
    this.#at = pattern.lastIndex;
    return match[0];
  }

  /** The rest, as a duration in ms. */
  duration(): number {
    return this.#quantity('a duration such as "800 ms" or "10 s"', text => parseDurationMs(text, this.#field));
  }

  /** The rest, as a rate per second. */
  rate(): number {
    return this.#quantity('a rate such as "20/s"', text => parseRatePerSecond(text, this.#field));
  }

  /** The rest, as a percentage from 0 to 100. */
  percent(): number {
    return this.#quantity('a percentage from 0% to 100%, such as "0.5%"', text => {
      const number = /^(\d+(?:\.\d+)?)\s*%$/.exec(text)?.[1];
      if (number === undefined || Number(number) > 100) throw new RangeError('not a percentage');
      return Number(number);
    });
  }

  /** The rest, as a count of 0 or more. */
  count(): number {
    return this.#quantity('a count such as "10"', text => {
      if (!/^\d+(?:\.\d+)?$/.test(text)) throw new RangeError('not a count');
      return Number(text);
    });
  }

  /** Whether the whole text ends so. */
  endsWith(text: string): boolean {
    return this.#text.trimEnd().endsWith(text);
  }

  /** The error for a part that began at `at` (from 0). */
  error(at: number, found: string, expected: string, cause?: unknown): SquallError {
    const where = found.trim() === '' ? 'nothing' : JSON.stringify(found.trim());
    return new SquallError(
      'scenario',
      'BAD_OBJECTIVE',
      `Expected \`${this.#field}\` to be an objective, got ${JSON.stringify(this.#text)}: found ${where} at character ${at + 1}, expected ${expected}`,
      {
        next: `Write \`${this.#field}\` like ${EXAMPLES}.`,
        ...(cause === undefined ? {} : { cause }),
      },
    );
  }

  #quantity(expected: string, parse: (text: string) => number): number {
    const rest = this.take(/.*/suy, expected).trim();
    try {
      return parse(rest);
    } catch (cause) {
      throw this.error(this.lastAt, rest, expected, cause);
    }
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }
}
