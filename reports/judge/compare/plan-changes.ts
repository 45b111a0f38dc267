import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type { RunPlan } from '../../../harness/plan.ts';
import type { ChangedSetting } from '../../store/compare-document.ts';

/** Parts of a plan without which two runs do not measure the same. */
const MEASUREMENT = ['scenario', 'platform', 'timeScale', 'load', 'faults', 'segment'] as const;
/** Parts that describe what is measured. */
const MEASURED = ['stack', 'target', 'tls'] as const;
/** Paths that differ between equal loads. */
const OF_ONE_RUN = new Set(['load.salt']);
/** Stands in a plan for a part that is switched off. */
const OFF = 'off';

/** Settings in which plans differ: of the measurement, so that they cannot be compared, and of what is measured. */
export function planChanges(base: RunPlan, candidate: RunPlan) {
  const among = (parts: readonly (keyof RunPlan)[]) =>
    parts.flatMap(part => changesIn(part, base[part] ?? null, candidate[part] ?? null));
  return { measurement: among(MEASUREMENT), measured: among(MEASURED) };
}

/** SHA-256 of what runs must have in common to measure the same: equal for plans between which {@link planChanges} finds no change of the measurement. */
export function definitionOf(plan: RunPlan): string {
  const parts = MEASUREMENT.map(part => canonical(part, plan[part] ?? null));
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** A value without what is absent or of one run, its keys sorted. */
function canonical(path: string, value: unknown): unknown {
  if (OF_ONE_RUN.has(path)) return null;
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, own]) => [key, canonical(`${path}.${key}`, own ?? null)] as const);
  return entries.filter(([, own]) => own !== null).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** By field, also of an object that only one side has, or that is `off` on the other: so is each of its fields there. */
function changesIn(path: string, base: unknown, candidate: unknown): ChangedSetting[] {
  if (OF_ONE_RUN.has(path) || isDeepStrictEqual(base, candidate)) return [];
  // Such as stages: what differs in one of them is told alone.
  if (areRecords(base) && areRecords(candidate) && base.length === candidate.length)
    return base.flatMap((item, index) => changesIn(`${path}[${index}]`, item, candidate[index]));
  const [one, other] = [base ?? {}, candidate ?? {}];
  const records = [one, other].filter(isRecord);
  const isAlone = records.length < 2 && one !== OFF && other !== OFF;
  if (records.length === 0 || isAlone) return [{ path, base, candidate }];
  const keys = new Set(records.flatMap(record => Object.keys(record).filter(key => (record[key] ?? null) !== null)));
  const fieldOf = (side: unknown, key: string) => (isRecord(side) ? (side[key] ?? null) : side);
  const inside = [...keys].flatMap(key => changesIn(`${path}.${key}`, fieldOf(one, key), fieldOf(other, key)));
  // An object without fields is something else than none.
  return inside.length > 0 || (isRecord(base) && isRecord(candidate)) ? inside : [{ path, base, candidate }];
}

function areRecords(value: unknown): value is Record<string, unknown>[] {
  return Array.isArray(value) && value.every(isRecord);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
