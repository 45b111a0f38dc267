import type { Random } from '../../../../../harness/random.ts';
import { parseQuantity } from '../../../../../stack/autoscaler/hpa/quantity.ts';
import type { MetricReply } from './metrics-api.ts';
import { CASE_MS, type PodView, type Script } from './script.ts';

/** A metric of a spec, as its load is scripted. */
export interface ScriptedMetric {
  readonly kind: 'cpu' | 'memory' | 'container' | 'pods' | 'object' | 'external';
  readonly name: string;
  /** In percent of the request, or a number. */
  readonly target: number;
  readonly isAverage: boolean;
}

/** What the loads of a case are made from. Ratios are 0 to 1. */
export interface LoadOptions {
  readonly random: Random;
  readonly metrics: readonly ScriptedMetric[];
  readonly requests: Script['requests'];
  readonly badReadings: number;
  /** How many pieces are near the target. */
  readonly near: number;
  readonly extremes: number;
  /** How many pieces are 0. */
  readonly zero: number;
}

const FAR = [0, 0.1, 0.3, 0.5, 0.7, 1.3, 1.5, 2, 3, 6];
const NEAR = [0.89, 0.9, 0.901, 0.95, 0.99, 1, 1.01, 1.05, 1.099, 1.1, 1.101, 1.2, 0.8, 1.5];
const EXTREMES = [
  ...['-5', '-100m', '0', '1n', '500u', '-1n', '9223372036854775807', '9223372036854775808', '-9223372036854775808'],
  ...['1E', '10E', '1e19', '9Ei', '2147483647', '2147483648', '3e9', '1e15', '9007199254740993', '0.0001'],
  ...['123456789012345678901234567890', '-1e25', '9223372036854775', '9223372036854776', '4611686018427387904m', 'NaN'],
];

/** A stretch of time in which a metric is so far from its target, or fails. */
interface Piece {
  readonly untilMs: number;
  readonly ratio: number;
  /** Text instead of what the ratio gives. */
  readonly extreme?: string;
  readonly failure?: 'error' | 'empty' | 'not-found';
  /** Remainder of the ordinals that have no reading, modulo 3; -1: none. */
  readonly missing: number;
  readonly hasGhost: boolean;
  /** Whether the second container is not listed, or lacks the resource. */
  readonly second: 'listed' | 'absent' | 'incomplete';
}

/** Replies of a case: for each metric a seeded sequence of pieces of time. */
export function loadOf({ random, metrics, requests, ...odds }: LoadOptions): Script['reply'] {
  const isShared = random.next() < 0.4;
  const lagSeconds = random.pick([0, 0, 0, 1, 6]);
  const window = random.pick([1, 5, 10, 30]);
  const pieces = new Map(metrics.map(metric => [metric.name, piecesOf(random.stream(metric.name), odds)]));
  const noise = random.next() < 0.5 ? 0.06 : 0;
  const at = (metric: ScriptedMetric, atMs: number) => pieces.get(metric.name)!.find(piece => atMs < piece.untilMs)!;
  const factor = (pods: readonly PodView[]) => (isShared ? 4 / Math.max(1, pods.length) : 1);
  const noisy = (atMs: number, pod: PodView) =>
    1 + noise * (random.stream(`${Math.floor(atMs / 700)} ${pod.ordinal}`).next() - 0.5);
  const failed = ({ failure }: Piece): MetricReply | undefined =>
    failure === 'error' || failure === 'not-found' ? { k: 'failed', code: failure === 'error' ? 500 : 404 } : undefined;

  const ofResources = (atMs: number, nowSeconds: number, pods: readonly PodView[]): MetricReply => {
    const known = metrics.filter(({ kind }) => kind === 'cpu' || kind === 'memory' || kind === 'container');
    const main = at(known[0]!, atMs);
    const found = failed(main);
    if (found) return found;
    const listed = main.failure ? [] : pods.filter(pod => pod.phase !== 'Pending' && pod.ordinal % 3 !== main.missing);
    const usage = (pod: PodView) => {
      const factors = factor(pods) * noisy(atMs, pod);
      const containers = Object.entries(requests).map(([container, request], index) => {
        const own: Record<string, string> = { cpu: '1m', memory: '1Mi' };
        for (const metric of known) {
          const resource = metric.kind === 'memory' ? 'memory' : 'cpu';
          if (index === 0) own[resource] = usageOf(metric, at(metric, atMs), factors, request[resource] ?? '100m');
        }
        if (index > 0 && main.second === 'incomplete') delete own.cpu;
        return [container, own] as const;
      });
      const kept = main.second === 'absent' ? containers.slice(0, 1) : containers;
      return { pod: pod.name, containers: Object.fromEntries(kept) };
    };
    const ghosts = main.hasGhost ? [{ pod: 'ghost', containers: { a: { cpu: '900m', memory: '300Mi' } } }] : [];
    return { k: 'resource', at: nowSeconds - lagSeconds, w: window, pods: [...listed.map(usage), ...ghosts] };
  };

  return (kind, name, atMs, nowSeconds, pods) => {
    if (kind === 'resource') return ofResources(atMs, nowSeconds, pods);
    const metric = metrics.find(each => each.name === name);
    if (!metric) return { k: 'failed', code: 404 };
    const piece = at(metric, atMs);
    const found = failed(piece);
    if (found) return found;
    const text = (ratio: number) => piece.extreme ?? quantityText(ratio * metric.target);
    if (kind === 'pods') {
      const listed = piece.failure ? [] : pods.filter(pod => pod.ordinal % 3 !== piece.missing);
      const values = listed.map(pod => [pod.name, text(piece.ratio * factor(pods) * noisy(atMs, pod))] as const);
      const ghosts = piece.hasGhost ? [['ghost', text(2)] as const] : [];
      return { k: 'pods', at: nowSeconds - lagSeconds, w: window > 10 ? null : window, values: [...values, ...ghosts] };
    }
    // For the whole, as much as four pods would have; a value is compared as it is.
    const whole = metric.isAverage ? 4 * piece.ratio : piece.ratio * factor(pods);
    if (kind === 'object') return { k: 'object', value: text(whole), of: { kind: 'Service', name: 'main' } };
    if (piece.failure) return { k: 'external', values: [] };
    return { k: 'external', values: piece.hasGhost ? [text(whole), text(whole / 4), '0'] : [text(whole)] };
  };
}

/** Usage of the first container, so that the pod is at `ratio` of the target if it is the only one. */
function usageOf({ target, isAverage, kind }: ScriptedMetric, piece: Piece, factor: number, request: string): string {
  if (piece.extreme !== undefined) return piece.extreme;
  const of = isAverage ? target : (target / 100) * (Number(parseQuantity(request)!.milli) / 1000);
  const value = piece.ratio * factor * of;
  return kind === 'memory' ? String(Math.round(value)) : `${Math.round(value * 1e9)}n`;
}

function quantityText(value: number): string {
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`;
}

function piecesOf(random: Random, odds: Pick<LoadOptions, 'badReadings' | 'near' | 'extremes' | 'zero'>): Piece[] {
  const pieces: Piece[] = [];
  // The first is quiet, so that the target comes up.
  for (let atMs = 0; atMs < CASE_MS + 60_000; ) {
    atMs += random.integer(1200, 5500);
    const isBad = random.next() < odds.badReadings;
    const ratio = random.next() < odds.near ? random.pick(NEAR) : random.pick(FAR);
    pieces.push({
      ...{ untilMs: atMs, ratio: random.next() < odds.zero / 3 ? 0 : ratio },
      ...(random.next() < odds.extremes && { extreme: random.pick(EXTREMES) }),
      ...(isBad && random.next() < 0.5 && { failure: random.pick(['error', 'empty', 'not-found'] as const) }),
      missing: isBad ? random.integer(-1, 2) : -1,
      hasGhost: isBad && random.next() < 0.4,
      second: isBad ? random.pick(['listed', 'absent', 'incomplete'] as const) : 'listed',
    });
  }
  return pieces;
}
