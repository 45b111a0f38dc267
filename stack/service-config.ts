import { isIP } from 'node:net';
import { z } from 'zod';
import { SquallError } from '../harness/errors.ts';

/**
 * Parses the configuration of a service from an environment variable.
 * @param variable name of the environment variable
 * @param text JSON; undefined or empty: all defaults
 * @throws SquallError `BAD_` + variable name, naming every invalid key
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
  if (!parsed.success) throw badConfig(variable, `${variable}: ${describeIssues(parsed.error.issues)}`);
  return parsed.data;
}

/** Error for an invalid configuration. */
export function badConfig(variable: string, message: string, cause?: unknown): SquallError {
  return new SquallError('option', `BAD_${variable}`, message, { next: `Correct ${variable}.`, cause });
}

type Issue = z.core.$ZodIssue;

/** Describes issues by key. For a union, the branch that inspected the value's keys gives the best explanation. */
export function describeIssues(issues: readonly Issue[], prefix: readonly PropertyKey[] = []): string {
  return issues.map(issue => describeIssue(issue, [...prefix, ...issue.path])).join('; ');
}

function describeIssue(issue: Issue, path: readonly PropertyKey[]): string {
  if (issue.code === 'invalid_union') {
    const inner = issue.errors.find(branch => branch.some(i => i.path.length > 0 || i.code === 'unrecognized_keys'));
    if (inner) return describeIssues(inner as readonly Issue[], path);
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => `unknown key \`${[...path, key].join('.')}\``).join('; ');
  return `${path.length === 0 ? 'top level' : `\`${path.join('.')}\``}: ${issue.message}`;
}

/** Schema of an IP address or a network in CIDR notation, such as `10.0.0.0/8` or `fd00::/8`. */
export const networkSchema = z.string().refine(text => {
  const [host = '', bits, ...rest] = text.split('/');
  const version = plainIpVersion(host);
  if (version === 0 || rest.length > 0) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
}, 'must be an IP address or a network such as 10.0.0.0/8');

/** IP version, 4 or 6, or 0 if invalid. Zone ids (`fe80::1%eth0`) are rejected, since they may contain any character. */
export function plainIpVersion(text: string): number {
  return /^[0-9A-Fa-f.:]+$/.test(text) ? isIP(text) : 0;
}
