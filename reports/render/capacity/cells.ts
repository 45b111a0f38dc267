import type { CapacityDocument, Find } from '../../store/capacity-document.ts';
import { quantity } from '../html/format.ts';

/** `38/s`, `120 users`, `3 replicas`. */
export function loadText(find: Find, value: number): string {
  if (find === 'rate') return quantity(value, '/s');
  return `${quantity(value, '')} ${value === 1 ? find.slice(0, -1) : find}`;
}

/** The plan for a daily volume as a sentence; null without one. */
export function planText({ daily, prices, replicas, find, target }: CapacityDocument): string | null {
  if (!daily) return null;
  const { callsPerDay, peakFactor, peakPerSecond, perReplicaPerSecond, dollarsPerDay, dollarsPerMillionCalls } = daily;
  const unit = target === undefined && (replicas !== null || find === 'replicas') ? 'replica' : 'copy of the target';
  const units = unit === 'replica' ? 'replicas' : 'copies of the target';
  const price = `${dollars(prices.dollarsPerGpuHour)} a GPU-hour${prices.isAssumed ? ' (assumed; --price says yours)' : ''}`;
  return `${quantity(callsPerDay, '')} calls a day with a peak of ${quantity(peakFactor, '')} times the mean are ${quantity(peakPerSecond, '/s')}; at ${quantity(perReplicaPerSecond, '/s')} a ${unit} that takes ${quantity(daily.replicas, '')} ${units} with ${quantity(daily.gpus, '')} GPUs: ${dollars(dollarsPerDay)} a day, ${dollars(dollarsPerMillionCalls)} a million calls, at ${price}.`;
}

/** `$1,230` or `$0.042`. */
export function dollars(value: number): string {
  return `$${quantity(value, '')}`;
}

/** Dollars for a million output tokens at a throughput; null without tokens or a number of replicas. */
export function costPerMillionTokens(
  { prices }: CapacityDocument,
  replicas: number,
  tokensPerSecond: number,
): number | null {
  if (!(tokensPerSecond > 0)) return null;
  return (1e6 * replicas * prices.gpusPerReplica * prices.dollarsPerGpuHour) / (3600 * tokensPerSecond);
}
