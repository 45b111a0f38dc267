/** Fields whose value is a secret, or a hash of one: not shown, but how many there are. */
const SECRET = /(?:key|secret|password|token|hash)(?:e?s)?$|sha256/i;

/**
 * A configuration without its secrets: URLs lose their user, password and query, and whatever is named like a secret is replaced by a word on
 * how much of it there is. Names of environment variables and files are no secrets.
 */
export function summaryOf(value: unknown, name = ''): unknown {
  if (typeof value === 'string') return SECRET.test(name) ? 'hidden' : withoutLogin(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const isSecret = SECRET.test(name) && value.every(item => typeof item === 'string');
    return isSecret ? `${value.length} hidden` : value.map(item => summaryOf(item));
  }
  return Object.fromEntries(Object.entries(value).map(([field, item]) => [field, summaryOf(item, field)]));
}

/** A text that is a URL without its user, password and query; any other as it is. */
export function withoutLogin(text: string): string {
  if (!URL.canParse(text) || !text.includes('://')) return text;
  const url = new URL(text);
  return `${url.protocol}//${url.host}${url.pathname}`;
}
