import { SquallError } from '../../harness/errors.ts';
import { durationMs, ratePerSecond } from '../../harness/quantity.ts';
import { nearest } from '../nearest.ts';

/** Comparison of a measure with its limit. */
export type Comparison = '<=' | '<' | '>=' | '>';

/** Unit of a limit; empty for a plain number. */
export type Unit = 'ms' | '%' | '/s' | '$' | '';

/** Limit of an objective. */
export interface Limit<U extends Unit = Unit> {
  readonly comparison: Comparison;
  /** In `unit`, like `measured` and its bounds. */
  readonly limit: number;
  readonly unit: U;
}

/** Format of an objective, as it follows "expected" in a message. */
export const OBJECTIVE_WORDS =
  'an objective such as "p99(ttft) <= 800 ms", "errors <= 1%", "throughput >= 20/s" or "recovery(kill) <= 10 s"';
const NUMBER = /^\d+(?:\.\d+)?$/;

/** Format of a quantity of each unit, and its parser, which returns undefined for any other text. */
const QUANTITIES: Readonly<Record<Unit, readonly [expected: string, read: (text: string) => number | undefined]>> = {
  ms: ['a duration such as "800 ms" or "10 s"', durationMs],
  '/s': ['a rate such as "20/s"', ratePerSecond],
  '%': [
    'a percentage from 0% to 100%, such as "0.5%"',
    text => (text.endsWith('%') ? numberIn(text.slice(0, -1), 100) : undefined),
  ],
  $: ['an amount such as "0.4 $"', text => numberIn(/^\$(.*)$|^(.*)\$$/su.exec(text)?.slice(1).join('') ?? '')],
  '': ['a count such as "10"', numberIn],
};

/** Error of a text that is not an objective. */
export class BadObjective extends SquallError {
  /** Position, found text and expected text. */
  readonly detail: string;

  constructor(text: string, detail: string, next = 'Correct the objective in the scenario.') {
    const message = `Expected ${OBJECTIVE_WORDS}, got ${JSON.stringify(text)}: ${detail}`;
    super('scenario', 'BAD_OBJECTIVE', message, { next });
    this.detail = detail;
  }
}

/**
 * Parser of an objective, `name(argument) comparison quantity`, from left to right. Checks call its methods in that order; its errors
 * name the position.
 */
export class Statement {
  readonly #text: string;
  #at = 0;
  /** Position of the last token. */
  #lastAt = 0;
  readonly name: string;
  /** Between the parentheses; null without them. */
  readonly argument: string | null;
  readonly #argumentAt: number;
  /** After the parentheses, without its first dot; empty for none. */
  readonly path: string;
  readonly #pathAt: number;
  readonly #nameAt: number;
  readonly #comparison: Comparison;
  readonly #comparisonAt: number;

  /** @throws BadObjective, as do all methods */
  constructor(text: string) {
    this.#text = text;
    this.name = this.#take(/[A-Za-z][\w.]*/y, 'a measure');
    this.#nameAt = this.#lastAt;
    const hasArgument = this.#peek('(');
    this.argument = hasArgument
      ? this.#take(/\((?:[^()]|\([^()]*\))*\)/y, 'an argument and ")"')
          .slice(1, -1)
          .trim()
      : null;
    this.#argumentAt = this.#lastAt;
    // An arrow is no comparison.
    this.path =
      hasArgument && this.#peek('.')
        ? this.#take(/(?:->|[^<>=])*/y, 'a path')
            .slice(1)
            .trim()
        : '';
    this.#pathAt = this.#lastAt;
    this.#comparison = this.#take(/<=|>=|<|>/y, 'one of <=, <, >= or >') as Comparison;
    this.#comparisonAt = this.#lastAt;
  }

  /** The argument, which must be one of `known`. @param what description of these, for the message */
  oneOf<Known extends string>(known: readonly Known[], what: string, found = this.argument ?? ''): Known {
    if (known.includes(found as Known)) return found as Known;
    throw this.badArgument(found, `${what} in parentheses after ${this.name}: ${listed(known, found)}`);
  }

  /** The argument, which must not be empty. @param what description of it, for the message */
  required(what: string): string {
    if (this.argument) return this.argument;
    throw this.badArgument('', `${what} in parentheses after ${this.name}`);
  }

  /** Requires that there is no argument. */
  plain(): void {
    if (this.argument !== null) throw this.badArgument(`(${this.argument})`, `no argument after ${this.name}`);
  }

  /** Requires that there is no path. */
  pathless(): void {
    if (this.path !== '') throw this.badPath(`.${this.path}`, 'one of <=, <, >= or >');
  }

  /** The rest: an upper limit. */
  atMost<U extends Unit>(unit: U): Limit<U> {
    return { comparison: this.#bounding('<'), limit: this.#quantity(unit, /.*/suy), unit };
  }

  /** The rest: a lower limit. */
  atLeast<U extends Unit>(unit: U): Limit<U> {
    return { comparison: this.#bounding('>'), limit: this.#quantity(unit, /.*/suy), unit };
  }

  /** The rest: an upper or a lower limit. */
  limit<U extends Unit>(unit: U): Limit<U> {
    return { comparison: this.#comparison, limit: this.#quantity(unit, /.*/suy), unit };
  }

  /** The rest: an upper limit of a ratio and, after `or`, an allowance; null without one. */
  atMostOr<U extends Unit>(unit: U): Limit<''> & { readonly allowed: number | null } {
    const comparison = this.#bounding('<');
    const limit = this.#quantity('', /[\d.]+|.*/suy);
    const expected = `the end, or an allowance such as "or 250 ${unit}"`;
    const hasMore = this.#take(/or\b|$/y, expected) !== '';
    return { comparison, limit, unit: '', allowed: hasMore ? this.#quantity(unit, /.*/suy) : null };
  }

  /** Whether the whole text ends with `text`. */
  endsWith(text: string): boolean {
    return this.#text.trimEnd().endsWith(text);
  }

  /** Error about the name. */
  badName(expected: string): BadObjective {
    return this.#error(this.#nameAt, this.name, expected);
  }

  /** Error about a name that is none of `known`. */
  unknownName(known: readonly string[]): BadObjective {
    return this.badName(`a measure: ${listed(known, this.name)}`);
  }

  /** Error about a part of the argument. */
  badArgument(found: string, expected: string): BadObjective {
    return this.#error(this.#argumentAt, found, expected);
  }

  /** Error about a part of the path, or about its absence. */
  badPath(found: string, expected: string): BadObjective {
    return this.#error(this.#pathAt, found, expected);
  }

  /** One of `known`, as a part of the path. @param what description of these, for the message */
  pathPart<Known extends string>(found: string, known: readonly Known[], what: string): Known {
    if (known.includes(found as Known)) return found as Known;
    throw this.badPath(found, `${what}: ${listed(known, found)}`);
  }

  #bounding(side: '<' | '>'): Comparison {
    if (this.#comparison.startsWith(side)) return this.#comparison;
    const expected = `${side}= or ${side}, an ${side === '<' ? 'upper' : 'lower'} limit of ${this.name}`;
    throw this.#error(this.#comparisonAt, this.#comparison, expected);
  }

  #quantity(unit: Unit, pattern: RegExp): number {
    const [expected, read] = QUANTITIES[unit];
    const found = this.#take(pattern, expected).trim();
    const quantity = read(found);
    if (quantity === undefined) throw this.#error(this.#lastAt, found, expected);
    return quantity;
  }

  #peek(token: string): boolean {
    this.#skip();
    this.#lastAt = this.#at;
    return this.#text.startsWith(token, this.#at);
  }

  #take(pattern: RegExp, expected: string): string {
    this.#skip();
    this.#lastAt = this.#at;
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (!match) throw this.#error(this.#at, this.#text.slice(this.#at), expected);
    this.#at = pattern.lastIndex;
    return match[0];
  }

  #skip(): void {
    while (/\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
  }

  #error(at: number, found: string, expected: string): BadObjective {
    const where = found.trim() === '' ? 'nothing' : JSON.stringify(found.trim());
    return new BadObjective(this.#text, `found ${where} at character ${at + 1}, expected ${expected}`);
  }
}

function numberIn(text: string, max = Number.POSITIVE_INFINITY): number | undefined {
  return NUMBER.test(text.trim()) && Number(text) <= max ? Number(text) : undefined;
}

function listed(known: readonly string[], found: string): string {
  const name = nearest(found, known);
  return `${known.join(', ')}${name === undefined ? '' : `; the nearest is ${name}`}`;
}
