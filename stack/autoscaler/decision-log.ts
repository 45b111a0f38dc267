import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { RunEvent } from '../../harness/history.ts';
import { readBytes } from '../../harness/input/files.ts';

const MAX_BYTES = 256 * 2 ** 20;

type Decision = Extract<RunEvent, { type: 'decision' }>;

/** A decision, or a condition that changed, with its time by the wall clock in ms since 1970. */
export type LoggedDecision = Extract<RunEvent, { type: 'decision' | 'condition' }> & { readonly wallMs: number };

/**
 * Decisions and changes of conditions in the log that an autoscaler left in the directory of a run; none without one. Other lines, and one that a kill cut off, are skipped.
 * @throws Error for a log of more than 256 MiB
 */
export function readDecisions(directory: string, deployment = 'inference'): LoggedDecision[] {
  const path = join(directory, 'autoscaler.log');
  if (!existsSync(path)) return [];
  return readBytes(path, MAX_BYTES)
    .toString()
    .split('\n')
    .flatMap(line => decisionIn(line, deployment) ?? []);
}

function decisionIn(line: string, deployment: string): LoggedDecision | undefined {
  if (!line.includes('"desired"') && !line.includes('"condition"')) return undefined;
  try {
    const { time, current, desired, sampleAgeMs, msg, ...details } = JSON.parse(line) as Readonly<
      Record<string, unknown>
    >;
    const { condition, status, reason, message } = details;
    if (typeof condition === 'string' && Number.isFinite(time) && (status === 'True' || status === 'False'))
      return {
        ...{ type: 'condition' as const, deployment, condition, status },
        ...{ reason: String(reason), message: String(message), wallMs: time as number },
      };
    // What the HPA proposes, what another policy wanted, or what it decided where it has no windows and limits.
    const proposal = details.proposal ?? details.wanted ?? desired;
    if (![time, current, desired, proposal].every(Number.isFinite) || typeof msg !== 'string') return undefined;
    const counts = { current, proposal, desired } as Pick<Decision, 'current' | 'proposal' | 'desired'>;
    const age = typeof sampleAgeMs === 'number' && { sampleAgeMs };
    const unknown = unknownIn(details.metrics);
    return { type: 'decision', deployment, ...counts, ...age, reason: msg, ...unknown, wallMs: time as number };
  } catch {
    return undefined;
  }
}

/** Names of metrics that are logged without a value. */
function unknownIn(metrics: unknown): false | { readonly unknown: readonly string[] } {
  const all = Array.isArray(metrics) ? (metrics as { readonly name: string; readonly value?: unknown }[]) : [];
  const unknown = all.flatMap(({ name, value }) => (value === undefined ? name : []));
  return unknown.length > 0 && { unknown };
}
