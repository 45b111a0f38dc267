import { stringify } from 'yaml';
import { isCredential, referenceIn } from '../../load/request/secrets.ts';
import { withoutSecrets } from '../../load/stream/response/excerpt.ts';

/** Length of a scenario's text in a history and its report; more is nothing that anybody reads there. */
const MAX_CHARACTERS = 20_000;
const MASK = '***';
/** Names of keys and headers that hold a secret, beside those of {@link isCredential}. */
const SECRET_NAME = /^key$|authorization$|secret|password|token$|^api[-_]?key$|^cookie$/i;
/** User and password in a URL, and the values of its query. */
const IN_URL = [
  /(?<=^[a-z]+:\/\/)[^/@\s]+(?=@)/i,
  /(?<=[?&][^=&\s]*(?:key|token|secret|password|sig|auth)[^=&\s]*=)[^&\s]+/gi,
];

/**
 * A scenario as text, in YAML: overrides included, secrets masked, and cut off where it is long. References to the environment remain,
 * since they are no secrets. What a file says beside its values, such as its comments, is not part of it.
 * @param raw the scenario with its overrides
 */
export function sourceOf(raw: unknown): string {
  const text = stringify(masked('', raw), { lineWidth: 120, aliasDuplicateObjects: false });
  if (text.length <= MAX_CHARACTERS) return text;
  const rest = text.length - MAX_CHARACTERS;
  return `${text.slice(0, MAX_CHARACTERS)}\n# … ${rest} more characters\n`;
}

function masked(name: string, value: unknown): unknown {
  if (Array.isArray(value)) return value.map(item => masked(name, item));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked(key, item)]));
  if (typeof value !== 'string' || referenceIn(value) !== undefined) return value;
  if (isCredential(name, value) || SECRET_NAME.test(name)) return MASK;
  return withoutSecrets(IN_URL.reduce((text, pattern) => text.replace(pattern, MASK), value));
}
