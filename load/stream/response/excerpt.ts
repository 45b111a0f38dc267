/** Length of an excerpt, in bytes. */
export const EXCERPT_BYTES = 300;
/** Beginning of a text that is looked at; whatever follows is cut off in any case. */
const MAX_CHARACTERS = 4096;
const MASK = '***';
/** Shorter values are no secrets, and masking them would garble any text. */
const MIN_SECRET_CHARACTERS = 4;

/** Texts that look like a secret: keys by their usual prefixes, tokens after their scheme, values of fields with such a name. */
const SECRETS = [
  /\b(?:sk|pk|rk|gsk|hf|xai|ghp|gho|github_pat|glpat|nvapi|pplx|r8|csk|fw|tgp|xox[abp])[-_][\w*.-]{6,}/g,
  /\b(?:AIza|AKIA|ASIA)[\w-]{12,}/g,
  /\beyJ[\w-]{6,}\.[\w-]+(?:\.[\w-]*)?/g,
  /(?<=\b(?:Bearer|Basic|Token)\s+)(?=[^\s"']*[\d=*+/_-])[^\s"',;}]{6,}/gi,
  /(?<=["']?[\w-]*(?:api[-_ ]?key|secret|password|passwd|authorization|access[-_]?token|auth[-_]?token|credential)\w*\\?["']?\s*[:=]\s*\\?["']?(?:Bearer\s+|Basic\s+)?)(?!Bearer\b|Basic\b|null\b|\*\*\*)[^\s"',;&<>\\}{)[\]]{3,}/gi,
];

/**
 * Excerpt of what a server sent, fit for a report: at most {@link EXCERPT_BYTES} bytes of UTF-8, with secrets masked and control
 * characters escaped.
 * @param secrets values that must not appear, such as those of the request's own headers
 */
export function excerptOf(text: string, secrets: readonly string[] = []): string {
  const words = secrets.flatMap(secret => [secret, ...secret.split(/\s+/)]).filter(word => !SCHEME.test(word));
  const known = words
    .filter(({ length }) => length >= MIN_SECRET_CHARACTERS)
    .sort((a, b) => b.length - a.length)
    .reduce((rest, word) => rest.replaceAll(word, MASK), text.slice(0, MAX_CHARACTERS));
  return shortened(
    withoutSecrets(known)
      .trim()
      .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, escaped),
  );
}

/** A text in which whatever looks like a secret is masked. */
export function withoutSecrets(text: string): string {
  return SECRETS.reduce((rest, pattern) => rest.replace(pattern, MASK), text);
}

/** First word of an `Authorization`, which is no secret. */
const SCHEME = /^(bearer|basic|digest|negotiate|token)$/i;

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(character: string): string {
  return SHORT[character] ?? `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
}

function shortened(text: string): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= EXCERPT_BYTES) return text;
  // Of a character that was cut only its beginning is left, which decodes to U+FFFD.
  return `${bytes.toString('utf8', 0, EXCERPT_BYTES - 3).replace(/\ufffd$/, '')}…`;
}
