import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Pod } from '../../../../stack/autoscaler/hpa/pods.ts';
import { parseQuantity } from '../../../../stack/autoscaler/hpa/quantity.ts';
import type { ContainerUsage, Measured } from '../../../../stack/autoscaler/hpa/readings.ts';
import type { HpaSettings } from '../../../../stack/autoscaler/hpa/settings.ts';

/** A pod's state: phase, start (s), Ready, its last transition (s), deletion. */
type PodState = [Pod['phase'], number | null, 'True' | 'False' | 'Unknown' | null, number | null, number?];
type PodName = number | string;

interface Answer {
  readonly k?: 'resource' | 'pods' | 'object' | 'external';
  readonly w?: number | null;
  readonly cols?: string[];
  readonly v: unknown;
  readonly err?: number;
}

/** A sync of the real controller. */
export interface RecordedSync {
  readonly t: number;
  readonly took: number;
  readonly spec: number;
  readonly cur: number | null;
  readonly status: number | null;
  readonly pods: number;
  readonly metrics: readonly (number | [number, number])[];
  readonly prop: number | null;
  readonly norm: number | null;
  readonly des: number;
  readonly last: number | null;
  readonly cond: number;
  readonly metricStatus: number;
  readonly extra?: {
    scaled?: boolean;
    te?: number;
    read?: number;
    why?: string;
    failed?: boolean;
    otherHPA?: unknown;
    race?: boolean;
  };
}

/** A recorded case. */
export interface RecordedCase {
  readonly id: string;
  readonly flags: string;
  readonly submitted: unknown;
  readonly rejected?: { code: number; message: string };
  readonly specs: readonly { t: number; spec: unknown }[];
  readonly requests: Record<string, Record<string, string>>;
  readonly podRequests?: Record<string, string>;
  readonly podStates: readonly PodState[];
  readonly podSets: readonly (readonly [PodName, number])[][];
  readonly answers: readonly Answer[];
  readonly conditions: readonly Record<string, [string, string, string?]>[];
  readonly metricStatus: readonly (Record<string, unknown> | null)[][];
  readonly syncs: readonly RecordedSync[];
}

/** Recorded cases of a file, with the settings of each. `.gz` is unpacked. */
export function readCases(path: string): { cases: RecordedCase[]; settings: Record<string, HpaSettings> } {
  const bytes = readFileSync(path);
  const file = JSON.parse((path.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()) as {
    flags: Record<string, Omit<HpaSettings, 'configurableTolerance' | 'scaleToZero'> & { featureGates: Gates }>;
    syncColumns: string[];
    cases: (Omit<RecordedCase, 'syncs'> & { syncs: unknown[][] })[];
  };
  const settings = Object.entries(file.flags).map(([name, { featureGates, ...flags }]) => {
    const { HPAConfigurableTolerance: configurableTolerance, HPAScaleToZero: scaleToZero } = featureGates;
    return [name, { ...flags, configurableTolerance, scaleToZero }];
  });
  const cases = file.cases.map(({ syncs, ...rest }) => ({
    ...rest,
    syncs: syncs.map(row => Object.fromEntries(row.map((value, i) => [file.syncColumns[i], value]))),
  }));
  return { cases: cases as unknown as RecordedCase[], settings: Object.fromEntries(settings) };
}

interface Gates {
  readonly HPAConfigurableTolerance: boolean;
  readonly HPAScaleToZero: boolean;
}

/** Pods of a set. */
export function podsOf(recorded: RecordedCase, set: number): Pod[] {
  const requests = Object.fromEntries(Object.entries(recorded.requests).map(([name, of]) => [name, millis(of)]));
  return recorded.podSets[set]!.map(([pod, index]) => {
    const [phase, started, ready, since, deleted] = recorded.podStates[index]!;
    return {
      ...{ name: String(pod), phase, requests },
      ...(started === null ? {} : { startedAtMs: 1000 * started }),
      ...(ready === null ? {} : { ready: { status: ready, sinceMs: 1000 * (since ?? 0) } }),
      ...(deleted === undefined || deleted === null ? {} : { isDeleted: true }),
      ...(recorded.podRequests ? { podRequests: millis(recorded.podRequests) } : {}),
    };
  });
}

/** What the metrics server answered in a sync. */
export function measuredIn(recorded: RecordedCase, { metrics }: RecordedSync): Measured[] {
  return metrics.map(entry => {
    const [index, atSeconds = 0] = Array.isArray(entry) ? entry : [entry];
    const { k, w, cols = [], v, err } = recorded.answers[index]!;
    if (err !== undefined) return { kind: 'failed', message: `HTTP ${err}` };
    const time = { atMs: 1000 * atSeconds, windowMs: 1000 * (w ?? 60) };
    switch (k) {
      case 'resource':
        return { kind: 'containers', pods: (v as unknown[][]).map(row => ({ ...usageOf(row, cols), ...time })) };
      case 'pods':
        return {
          kind: 'pods',
          pods: (v as [PodName, string][]).map(([pod, text]) => ({ pod: String(pod), milli: milli(text), ...time })),
        };
      case 'object':
        return { kind: 'object', milli: milli(v as string) };
      default:
        return { kind: 'external', milli: (v as string[]).map(milli) };
    }
  });
}

function usageOf([pod, ...values]: unknown[], columns: readonly string[]): Pick<ContainerUsage, 'pod' | 'containers'> {
  const containers: Record<string, Record<string, bigint>> = {};
  columns.forEach((column, index) => {
    const [container = '', resource = ''] = column.split('/');
    const value = values[index];
    if (value === false || value === undefined) return;
    containers[container] ??= {};
    if (value !== null) containers[container][resource] = milli(value as string);
  });
  return { pod: String(pod), containers };
}

function millis(quantities: Record<string, string>): Record<string, bigint> {
  return Object.fromEntries(Object.entries(quantities).map(([name, text]) => [name, milli(text)]));
}

function milli(text: string): bigint {
  const quantity = parseQuantity(String(text));
  if (!quantity) throw new Error(`No quantity: ${text}`);
  return quantity.milli;
}
