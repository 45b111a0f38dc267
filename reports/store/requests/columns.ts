import type { SchemaElement } from 'hyparquet';
import type { RequestRecord } from '../../../harness/requests.ts';
import { NAMES, type Name, ROWS } from './row.ts';

/** Records of a row group of a file that grows. */
export const GROWING_ROWS = 2 * ROWS;

/**
 * Columns of the sealed file: the fields of {@link RequestRecord} under their own names, units last. `gaps` is a list; the
 * `…Ms` columns are doubles, so that a record is read exactly as it was written.
 */
const COLUMNS: Readonly<Record<keyof RequestRecord, Column>> = {
  index: { type: 'INT32' },
  scheduledMs: { type: 'DOUBLE' },
  sentMs: { type: 'DOUBLE', repetition_type: 'OPTIONAL' },
  firstTokenMs: { type: 'DOUBLE', repetition_type: 'OPTIONAL' },
  endMs: { type: 'DOUBLE' },
  outcome: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  status: { type: 'INT32' },
  promptTokens: { type: 'INT32' },
  outputTokens: { type: 'INT32' },
  stage: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  upstream: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  gaps: { listOf: 'INT32' },
  lastTokenMs: { type: 'DOUBLE', isOptional: true },
  frames: { type: 'INT32', isOptional: true },
  reads: { type: 'INT32', isOptional: true },
  usedPromptTokens: { type: 'INT32', isOptional: true },
  cachedPromptTokens: { type: 'INT32', isOptional: true },
  resent: { type: 'BOOLEAN', isOptional: true },
  sentAs: { type: 'INT32', isOptional: true },
  attempts: { type: 'INT32', isOptional: true },
  attemptsMs: { listOf: 'DOUBLE', isOptional: true },
  attemptOutcomes: { type: 'BYTE_ARRAY', converted_type: 'UTF8', isOptional: true },
  class: { type: 'BYTE_ARRAY', converted_type: 'UTF8', isOptional: true },
  session: { type: 'INT32', isOptional: true },
  turn: { type: 'INT32', isOptional: true },
};

/** Column, or a list of elements; an optional one is present only if some record of the run has the field. */
interface Column extends Partial<SchemaElement> {
  readonly listOf?: 'INT32' | 'DOUBLE';
  readonly isOptional?: true;
}

/** Column for those who look for a line of a server's log: the `x-request-id`. Not read back, since it follows from the others. */
export const ID_COLUMN = 'requestId';
const ID_ELEMENT: SchemaElement = {
  name: ID_COLUMN,
  type: 'BYTE_ARRAY',
  converted_type: 'UTF8',
  repetition_type: 'REQUIRED',
};

/** Fields without a column where no record has them. */
export const OPTIONAL_NAMES = NAMES.filter(name => COLUMNS[name].isOptional);

/** All fields that always have a column, and those of the others that some record has. */
export function requiredOr(present: ReadonlySet<Name>): Name[] {
  return NAMES.filter(name => !COLUMNS[name].isOptional || present.has(name));
}

/** Schema of a file with some fields, in the order of {@link NAMES}. @default all */
export function schemaOf(names: readonly Name[] = NAMES): SchemaElement[] {
  return [{ name: 'requests', num_children: 1 + names.length }, ID_ELEMENT, ...names.flatMap(elementsOf)];
}

function elementsOf(name: Name): SchemaElement[] {
  const { listOf, isOptional, ...element } = COLUMNS[name];
  const repetition_type = isOptional ? 'OPTIONAL' : 'REQUIRED';
  if (!listOf) return [{ name, repetition_type, ...element } as SchemaElement];
  return [
    { name, repetition_type, converted_type: 'LIST', num_children: 1 },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: listOf, repetition_type: 'REQUIRED' },
  ];
}

/** What the footer says about the columns. */
export const NOTES = [
  { key: 'squall.time', value: 'ms on the run timeline; 0 is the start of the load phase, warm-up is negative' },
  { key: 'squall.attemptsMs', value: 'for requests with several attempts: send and end time of each, in pairs' },
  { key: 'squall.gaps', value: 'pairs of bucket and count; bucket b > 0 is about 0.01 * 1.02^(b - 0.5) ms' },
];
