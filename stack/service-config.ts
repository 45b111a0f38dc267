import { isIP } from 'node:net';
import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';

/**
 * Parses the configuration of a service from an environment variable.
 * @param variable name of the environment variable
 * @param text JSON; undefined or empty: all defaults
 * @throws SquallError `BAD_` + variable name, naming every invalid key with what was expected and what was found
 */
export function parseConfig<Schema extends z.ZodObject>(
  variable: string,
  schema: Schema,
  text: string | undefined,
): z.output<Schema> {
  let input: unknown;
  try {
    input = JSON.parse(text || '{}');
  } catch (cause) {
    throw badConfig(variable, `${variable} is not JSON`, cause);
  }
  const parsed = schema.safeParse(input);
  if (!parsed.success) throw badConfig(variable, `${variable}: ${describeIssues(parsed.error.issues, input)}`);
  return parsed.data;
}

/** Error for an invalid configuration. */
export function badConfig(variable: string, message: string, cause?: unknown): SquallError {
  return new SquallError('option', `BAD_${variable}`, message, { next: `Correct ${variable}.`, cause });
}

type Issue = z.core.$ZodIssue;

/**
 * Describes issues by key. For a union, the branch that inspected the value's keys gives the best explanation. What may be a secret by its key is not
 * shown.
 * @param input what was parsed
 */
export function describeIssues(issues: readonly Issue[], input: unknown, prefix: readonly PropertyKey[] = []): string {
  return issues.map(issue => describeIssue(issue, input, [...prefix, ...issue.path])).join('; ');
}

function describeIssue(issue: Issue, input: unknown, path: readonly PropertyKey[]): string {
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.find(branch => branch.some(i => i.path.length > 0 || i.code === 'unrecognized_keys'));
    if (inner) return describeIssues(inner as readonly Issue[], input, path);
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => `unknown key \`${[...path, key].join('.')}\``).join('; ');
  const found =
    issue.code === 'invalid_key'
      ? path.at(-1)
      : path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], input);
  const name = path.join('.');
  const isSecret = SECRET.test(String(path.findLast(key => typeof key === 'string')));
  return `${name === '' ? 'top level' : `\`${name}\``}: ${expectedIn(issue)}, found ${shown(found, isSecret)}`;
}

/** What an issue expects. That of a union without words of its own is what its branches expect. */
function expectedIn(issue: Issue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]!.message;
  if (issue.code === 'invalid_union' && issue.message === 'Invalid input')
    return [...new Set(issue.errors.flatMap(branch => branch.slice(0, 1).map(expectedIn)))]
      .map((words, index) => (index === 0 ? words : words.replace(/^expected /, '')))
      .join(' or ');
  return issue.message
    .replace(/^Invalid (input|option): |^Too (small|big): /, '')
    .replace(/, received .*$/, '')
    .replace(/^expected (number|string|boolean)\b/, 'expected a $1')
    .replace(/^expected (array|object|int)\b/, 'expected an $1')
    .replace(/ to be (?=[<>])/, ' ');
}

/** Keys whose values may be, or hold, a secret: a URL may have a password. */
const SECRET = /url|endpoint|sha256|hash|key|token|secret|password|authorization/i;
const MAX_SHOWN = 80;

function shown(value: unknown, isSecret: boolean): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'string') return isSecret || value.length > MAX_SHOWN ? 'a string' : JSON.stringify(value);
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

const words = (schemes: string) => `must be a URL that begins with ${schemes}`;
/** Schema of the URL of a server. */
export const httpUrlSchema = z.url({ protocol: /^https?$/, error: words('http:// or https://') });
/** Schema of the URL of a Redis. */
export const redisUrlSchema = z.url({ protocol: /^rediss?$/, error: words('redis:// or rediss://') });

/** Schema of a secret's source: the name of an environment variable, or a file. @param variable its default */
export function secretSourceSchema(variable: string) {
  const error = 'expected `environment`, the name of a variable, or `file`, a path';
  const name = z.string(error).min(1, error);
  return z
    .union([z.strictObject({ environment: name }), z.strictObject({ file: name })], { error })
    .default({ environment: variable });
}

/** Schema of an IP address or a network in CIDR notation, such as `10.0.0.0/8` or `fd00::/8`. */
export const networkSchema = z.string().refine(text => {
  const [host = '', bits, ...rest] = text.split('/');
  const version = plainIpVersion(host);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}, 'must be an IP address or a network such as 10.0.0.0/8');

/** Schema of `HOST:PORT`; an IPv6 address is in brackets. */
export const addressSchema = z.string().refine(isAddress, 'must be HOST:PORT');

function isAddress(text: string): boolean {
  const match = /^(?:\[([^\]]+)\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(text);
  return match !== null && Number(match[3]) <= 65_535 && (match[1] === undefined || plainIpVersion(match[1]) === 6);
}

/** IP version, 4 or 6, or 0 if invalid. Zone ids (`fe80::1%eth0`) are rejected, since they may contain any character. */
function plainIpVersion(text: string): number {
  return /^[0-9A-Fa-f.:]+$/.test(text) ? isIP(text) : 0;
}
