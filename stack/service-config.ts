import type { z } from 'zod';
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
