/** What can be redacted. Where two begin at the same place, the first kind of this list wins. */
export const SECRET_KINDS = ['identity-card', 'email', 'phone'] as const;

/** Kind of personal data that is recognised in text. */
export type SecretKind = (typeof SECRET_KINDS)[number];

/** A secret in a text: from `start` until before `end`, in UTF-16 code units. */
export interface Secret {
  readonly kind: SecretKind;
  readonly start: number;
  readonly end: number;
}

/** What secrets are replaced by. */
export const REPLACEMENTS: Readonly<Record<SecretKind, string>> = {
  'identity-card': '[ID-CARD]',
  email: '[EMAIL]',
  phone: '[PHONE]',
};

/** Maximum length of a secret with the character after it, in code units; longer ones are no secrets, or several. */
export const MAX_SECRET = 640;
/** How many characters before a secret decide whether it is one. */
export const LOOKBEHIND = 2;

// Digits, separators and brackets in half and full width.
const DIGIT = '[0-9\uff10-\uff19]';
const SEPARATOR = '[ .\u00a0\u2010-\u2013\u3000\uff0d-]';
const OPEN = '[(\uff08]';
const CLOSE = '[)\uff09]';
const PLUS = '[+\uff0b]';
/** No part of a longer number, nor of a fraction. */
const BEFORE = `(?<!${DIGIT})(?<!${DIGIT}[.,])`;
const AFTER = `(?!${DIGIT})`;

const LATIN = 'A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff';
const LOCAL = new RegExp(`[${LATIN}0-9._%+'-]`);
const LABEL = `[${LATIN}0-9](?:[${LATIN}0-9-]{0,61}[${LATIN}0-9])?`;
const DOMAIN = new RegExp(`(?:${LABEL}\\.){1,8}[${LATIN}]{2,24}`, 'y');
const MAX_LOCAL = 64;

/** Six digits of the place, eight of the birthday, three and a check character, also in these groups. */
const IDENTITY_CARD = new RegExp(
  `${BEFORE}[1-9\uff11-\uff19]${DIGIT}{5}${SEPARATOR}?${DIGIT}{8}${SEPARATOR}?${DIGIT}{3}(?:${DIGIT}|[Xx])${AFTER}`,
  'g',
);

const one = (digits: string) =>
  `[${digits}${digits.replaceAll(/\d/g, digit => String.fromCharCode(0xfee0 + digit.charCodeAt(0)))}]`;
const PHONES = [
  // International, E.164 with separators: +44 20 7946 0958, +1 (415) 555-2671, 0086 138…
  `(?:${PLUS}|${BEFORE}00(?=86))${DIGIT}{1,3}(?:(?:${SEPARATOR}|${OPEN}){0,2}${DIGIT}{1,5}${CLOSE}?)(?:(?:${SEPARATOR}|${OPEN}){0,2}${DIGIT}{2,8}${CLOSE}?){0,6}${AFTER}`,
  // Mobile numbers of China: 13800138000, 138 0013 8000, 86-138-0013-8000.
  `${BEFORE}(?:86${SEPARATOR}?)?${one('1')}${one('3-9')}${DIGIT}(?:${SEPARATOR}?${DIGIT}{4}){2}${AFTER}`,
  // Fixed lines of China: 010-12345678, (0571) 8765 4321.
  `${BEFORE}${OPEN}?${one('0')}(?:${one('1')}${one('0')}|${one('2')}${DIGIT}|${one('3-9')}${DIGIT}{2})${CLOSE}?${SEPARATOR}?${DIGIT}{3,4}${SEPARATOR}?${DIGIT}{4}${AFTER}`,
  // North America, with separators: (415) 555-2671, 415.555.2671, 1-415-555-2671.
  `${BEFORE}(?:1${SEPARATOR})?${OPEN}?[2-9]${DIGIT}{2}(?:${CLOSE}${SEPARATOR}?|${SEPARATOR})[2-9]${DIGIT}{2}${SEPARATOR}${DIGIT}{4}${AFTER}`,
].map(source => new RegExp(source, 'g'));

/** The first secret of one kind at or after `from`, whose left context may begin before it. */
type Finder = (text: string, from: number) => Secret | undefined;

const FINDERS: Readonly<Record<SecretKind, readonly Finder[]>> = {
  'identity-card': [matching('identity-card', IDENTITY_CARD, text => (isIdentityCard(text) ? text.length : 0))],
  email: [findEmail],
  phone: PHONES.map((pattern, index) => matching('phone', pattern, index === 0 ? phoneLength : text => text.length)),
};

/**
 * Finds secrets from left to right, each after the end of the one before. One that begins before {@link undecidedFrom} is final whatever
 * follows: it lies in a run of such characters that has ended, or all that decides about it is there.
 * @param from where to begin; characters before it are only looked back at
 */
export function* findSecrets(text: string, kinds: readonly SecretKind[], from = 0): Generator<Secret> {
  const finders = SECRET_KINDS.filter(kind => kinds.includes(kind)).flatMap(kind => FINDERS[kind]);
  const next = finders.map(find => find(text, from));
  for (;;) {
    let first: Secret | undefined;
    for (const secret of next) if (secret && (!first || secret.start < first.start)) first = secret;
    if (!first) return;
    yield first;
    for (const [index, secret] of next.entries())
      if (secret && secret.start < first.end) next[index] = finders[index]!(text, first.end);
  }
}

const [IN_EMAIL, IN_NUMBER, BEGINS_NUMBER] = [1, 2, 4] as const;
/** By code unit, what a character may be part of. */
let roles: Uint8Array | undefined;

/**
 * Where the part of `text` begins that may be, or become, a secret of which more is to come: the trailing run of characters of which one
 * consists, at most {@link MAX_SECRET}. All that begins before is decided.
 * @param from nothing before it is looked at
 */
export function undecidedFrom(text: string, from: number): number {
  roles ??= rolesOfCharacters();
  const least = Math.max(from, text.length - MAX_SECRET);
  let undecided = text.length;
  let possible: number = IN_EMAIL | IN_NUMBER;
  for (let at = text.length - 1; at >= least; at -= 1) {
    const role = roles[text.charCodeAt(at)]!;
    possible &= role;
    if (possible === 0) break;
    if (possible & IN_EMAIL || role & BEGINS_NUMBER) undecided = at;
  }
  return undecided;
}

function rolesOfCharacters(): Uint8Array {
  const table = new Uint8Array(0x10000);
  const inEmail = new RegExp(`[${LATIN}0-9._%+'@-]`);
  const inNumber = new RegExp(`${DIGIT}|${SEPARATOR}|${OPEN}|${CLOSE}|${PLUS}|[Xx]`);
  const beginsNumber = new RegExp(`${DIGIT}|${OPEN}|${PLUS}`);
  for (let code = 0; code < table.length; code += 1) {
    const character = String.fromCharCode(code);
    table[code] =
      (inEmail.test(character) ? IN_EMAIL : 0) |
      (inNumber.test(character) ? IN_NUMBER : 0) |
      (beginsNumber.test(character) ? BEGINS_NUMBER : 0);
  }
  return table;
}

function matching(kind: SecretKind, pattern: RegExp, lengthOf: (text: string) => number): Finder {
  return (text, from) => {
    pattern.lastIndex = from;
    for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
      const length = lengthOf(match[0]);
      if (length > 0) return { kind, start: match.index, end: match.index + length };
      pattern.lastIndex = match.index + 1;
    }
  };
}

/** Searches for `@`, so that words without one cost nothing. */
function findEmail(text: string, from: number): Secret | undefined {
  for (let at = text.indexOf('@', from); at >= 0; at = text.indexOf('@', at + 1)) {
    const least = Math.max(from, at - MAX_LOCAL);
    let start = at;
    while (start > least && LOCAL.test(text[start - 1]!)) start -= 1;
    DOMAIN.lastIndex = at + 1;
    if (start < at && DOMAIN.test(text)) return { kind: 'email', start, end: DOMAIN.lastIndex };
  }
}

/** Length of an international number at the beginning of `text`, 7 to 15 digits (E.164) that end with one of its groups; 0 if it is none. */
function phoneLength(text: string): number {
  let length = 0;
  let digits = 0;
  for (const group of text.matchAll(new RegExp(`${DIGIT}+${CLOSE}?`, 'g'))) {
    digits += group[0].replaceAll(/[)\uff09]/g, '').length;
    if (digits >= 7 && digits <= 15) length = group.index + group[0].length;
  }
  return length;
}

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/**
 * Whether 18 characters are the number of a Chinese identity card: a birthday that exists, from 1800 to 2099, and the check character of
 * GB 11643-1999 (ISO 7064, MOD 11-2).
 */
function isIdentityCard(text: string): boolean {
  const plain = text.normalize('NFKC').replaceAll(/[^0-9Xx]/g, '');
  const [year, month, day] = [plain.slice(6, 10), plain.slice(10, 12), plain.slice(12, 14)].map(Number) as [
    number,
    number,
    number,
  ];
  const birthday = new Date(Date.UTC(year, month - 1, day));
  if (year < 1800 || year > 2099 || birthday.getUTCMonth() !== month - 1 || birthday.getUTCDate() !== day) return false;
  const sum = WEIGHTS.reduce((total, weight, index) => total + weight * Number(plain[index]), 0);
  return plain[17]!.toUpperCase() === '10X98765432'[sum % 11];
}

/** `text` with its secrets replaced. @param onFound called with the kind of each */
export function redactText(text: string, kinds: readonly SecretKind[], onFound: (kind: SecretKind) => void): string {
  let redacted = '';
  let from = 0;
  for (const { kind, start, end } of findSecrets(text, kinds)) {
    redacted += text.slice(from, start) + REPLACEMENTS[kind];
    from = end;
    onFound(kind);
  }
  return from === 0 ? text : redacted + text.slice(from);
}
