/** Values of environment variables by name: `process.env`, or that of k6. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A reference to a variable, possibly after the scheme of an `Authorization` header. */
const REFERENCE = /^([!-~]+ )?env:([A-Za-z_]\w*)$/;

/** Name of the variable that a value of a scenario refers to, as in `env:NAME` and `Bearer env:NAME`; undefined for a literal value. */
export function referenceIn(value: string): string | undefined {
  return REFERENCE.exec(value)?.[2];
}

/** Replaces a reference to the environment by the variable's value, without blanks around it; a literal value remains as it is. */
export function resolveSecret(value: string, environment: Environment): string {
  const [, scheme = '', name] = REFERENCE.exec(value) ?? [];
  return name === undefined ? value : scheme + (environment[name] ?? '').trim();
}

/** Headers with every reference replaced; see {@link resolveSecret}. Runs in k6 too. */
export function resolveHeaders(
  headers: Readonly<Record<string, string>>,
  environment: Environment,
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, resolveSecret(value, environment)]));
}

/** Shorter values are no secrets, and masking them would garble any text. */
const MIN_SECRET_CHARACTERS = 4;

/** Replaces every occurrence of a secret in a text by `***`, since servers quote what they reject. @param secrets values as sent */
export function masked(text: string, secrets: readonly string[]): string {
  return secrets
    .filter(({ length }) => length >= MIN_SECRET_CHARACTERS)
    .toSorted((a, b) => b.length - a.length)
    .reduce((left, secret) => left.replaceAll(secret, '***'), text);
}

/** Names of headers and of parameters that hold a credential, whatever their value. */
const CREDENTIAL_NAME =
  /^(proxy-)?authorization$|^cookie$|^code$|apikey$|(^|[-_])(key|token|secret|password|credential|auth|sig|signature)$/i;
/** Names of that form that hold none. */
const HARMLESS_NAME = /(idempotency|cache|partition|routing)[-_]key$/i;
/** Values that are a credential, whatever the name: those with a scheme, and the keys of well-known products. */
const CREDENTIAL_VALUE =
  /^(bearer|basic|digest|negotiate) \S|\b(sk|pk|rk|hf|xai|gsk|nvapi|gh[a-z]|glpat|xox[a-z])[-_][\w-]{8}|\bAKIA[0-9A-Z]{12}|\beyJ[\w-]{8,}\./i;

/** Whether a literal header, or a parameter of a URL's query, is a credential, which has no place in a scenario or on a command line. */
export function isCredential(name: string, value: string): boolean {
  if (value === '' || referenceIn(value) !== undefined) return false;
  return (CREDENTIAL_NAME.test(name) && !HARMLESS_NAME.test(name)) || CREDENTIAL_VALUE.test(value);
}
