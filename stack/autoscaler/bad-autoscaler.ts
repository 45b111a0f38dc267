import type { z } from 'zod';
import { SquallError } from '../../harness/errors.ts';

const MAX_ISSUES = 20;

/** The error for an autoscaler that cannot run, with a line for each problem. @param problems each naming its field */
export function badAutoscaler(problems: readonly string[], next = 'Correct the fields.'): SquallError {
  const shown = problems.slice(0, MAX_ISSUES).map(line => `\n  - ${line}`);
  const rest = problems.length > MAX_ISSUES ? `\n  - and ${problems.length - MAX_ISSUES} more` : '';
  return new SquallError('scenario', 'BAD_AUTOSCALER', `The autoscaler cannot run:${shown.join('')}${rest}`, { next });
}

/** Problems that a schema found in a document: each with the path of its field, what was expected and what was found. */
export function problemsIn(issues: readonly z.core.$ZodIssue[], document: unknown): string[] {
  return issues.flatMap(issue => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map(key => `\`${pathText([...issue.path, key])}\` is no field of \`${pathText(issue.path)}\``);
    const found = valueAt(document, issue.path);
    const what = found === undefined ? '' : `, got ${short(found)}`;
    const expected = expectedBy(issue);
    const isMissing = found === undefined && !expected.startsWith('is required');
    return [`\`${pathText(issue.path)}\` ${isMissing ? `is required: ${expected}` : expected}${what}`];
  });
}

/** What a field must be: the schema's own words, or those for a type or a bound. */
function expectedBy(issue: z.core.$ZodIssue): string {
  if (!/^(?:Invalid|Too)/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPES[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' ? 'must not be empty' : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

const TYPES: Readonly<Record<string, string>> = {
  ...{ string: 'a text', number: 'a number', int: 'a whole number', boolean: 'true or false' },
  ...{ array: 'a list', object: 'an object', record: 'an object' },
};

/** A value without its nulls, which mean "not given" in Kubernetes. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== null)
      .map(([key, each]) => [key, withoutNulls(each)]),
  );
}

/** `spec.metrics[0].resource.name` */
function pathText(path: readonly PropertyKey[]): string {
  const text = path.map(part => (typeof part === 'number' ? `[${part}]` : `.${String(part).slice(0, 80)}`)).join('');
  return text.replace(/^\./, '') || 'the file';
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (value as Record<PropertyKey, unknown> | undefined)?.[key], document);
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
