import { isDeepStrictEqual } from 'node:util';
import { SquallError } from '../../harness/errors.ts';
import type { Direction, ToxicJson } from './toxics/toxic.ts';

interface ToxicBase {
  /** Unique within its proxy. @default `<kind>_<stream>`, as in Toxiproxy itself */
  readonly name?: string;
  /** `upstream`: client → server; `downstream`: server → client. @default 'downstream' */
  readonly stream?: Direction;
  /**
   * Ratio of affected connections, 0–1, drawn once per connection and direction, not per request: with keep-alive 0.1 affects a tenth of
   * the connections. @default 1
   */
  readonly toxicity?: number;
}

/**
 * A toxic to add to a proxy. All settings are integers ≥ 0. "Down" is not a toxic: disable the proxy.
 *
 * - `latency` delays each chunk by `latencyMs` ± `jitterMs` (0…`latencyMs`, default 0), uniformly, order kept;
 * - `bandwidth` lets `rateKBps` through, at least 1 (1 KB = 1,000 bytes); `timeout` 0 stalls;
 * - `timeout` drops everything and closes after `timeoutMs` without a chunk; 0 never closes. Removing it closes connections;
 * - `reset_peer` resets the connection (TCP RST) `timeoutMs` after its first chunk in this direction;
 * - `slow_close` passes the end on `delayMs` after it came;
 * - `slicer` cuts chunks into pieces of about `sizeBytes` (≥ 1) ± `variationBytes` (below `sizeBytes`, default 0), `delayMicros` apart;
 * - `limit_data` closes the connection once `bytes` have passed.
 */
export type Toxic = ToxicBase &
  (
    | { readonly kind: 'latency'; readonly latencyMs: number; readonly jitterMs?: number }
    | { readonly kind: 'bandwidth'; readonly rateKBps: number }
    | { readonly kind: 'timeout' | 'reset_peer'; readonly timeoutMs: number }
    | { readonly kind: 'slow_close'; readonly delayMs: number }
    | {
        readonly kind: 'slicer';
        readonly sizeBytes: number;
        readonly variationBytes?: number;
        readonly delayMicros?: number;
      }
    | { readonly kind: 'limit_data'; readonly bytes: number }
  );

/** A toxic as it is on a proxy, with every default filled in. */
export type ActiveToxic = Toxic & Required<ToxicBase>;

/** Setting and default for each of Toxiproxy's attributes; the units are the same. */
const SETTINGS = {
  latency: { latency: ['latencyMs', undefined], jitter: ['jitterMs', 0] },
  bandwidth: { rate: ['rateKBps', undefined] },
  timeout: { timeout: ['timeoutMs', undefined] },
  reset_peer: { timeout: ['timeoutMs', undefined] },
  slow_close: { delay: ['delayMs', undefined] },
  slicer: {
    average_size: ['sizeBytes', undefined],
    size_variation: ['variationBytes', 0],
    delay: ['delayMicros', 0],
  },
  limit_data: { bytes: ['bytes', undefined] },
} as const satisfies Record<Toxic['kind'], Record<string, readonly [string, number | undefined]>>;

/**
 * Translates to Toxiproxy's JSON, with every default filled in.
 * @throws SquallError `BAD_TOXIC` for a value out of its range, before anything is sent
 */
export function toWire(toxic: Toxic): ToxicJson {
  const { kind, stream = 'downstream', toxicity = 1 } = toxic;
  const name = toxic.name ?? `${kind}_${stream}`;
  const settings = settingsOf(kind);
  if (!settings) throw badToxic('kind', `one of ${Object.keys(SETTINGS).join(', ')}`, kind);
  if (stream !== 'upstream' && stream !== 'downstream') throw badToxic('stream', 'upstream or downstream', stream);
  if (!(toxicity >= 0 && toxicity <= 1)) throw badToxic('toxicity', '0…1', toxicity);
  const given = toxic as unknown as Record<string, unknown>;
  const attributes: Record<string, number> = {};
  for (const [attribute, [setting, fallback]] of Object.entries(settings)) {
    const value = given[setting] ?? fallback;
    if (!Number.isSafeInteger(value) || (value as number) < 0) throw badToxic(setting, 'a whole number ≥ 0', value);
    attributes[attribute] = value as number;
  }
  const { latency, jitter = 0, rate, average_size: size, size_variation: variation = 0 } = attributes;
  if (latency !== undefined && jitter > latency) throw badToxic('jitterMs', `0…\`latencyMs\` (${latency})`, jitter);
  // Toxiproxy 2.12 hangs with a rate of 0, and 2.13 refuses it.
  if (rate === 0) throw badToxic('rateKBps', 'a whole number ≥ 1', rate);
  // Toxiproxy 2.12 crashes with a size of 0, and with a variation above the size.
  if (size === 0) throw badToxic('sizeBytes', 'a whole number ≥ 1', size);
  if (size !== undefined && variation >= size)
    throw badToxic('variationBytes', `below \`sizeBytes\` (${size})`, variation);
  return { name, type: kind, stream, toxicity, attributes };
}

/** Translates back; undefined for an unknown kind. */
export function fromWire({ name, type, stream, toxicity, attributes }: ToxicJson): ActiveToxic | undefined {
  const settings = settingsOf(type);
  if (!settings) return undefined;
  const values = Object.entries(settings).map(([attribute, [setting]]) => [setting, attributes[attribute] ?? 0]);
  return { kind: type, name, stream, toxicity, ...Object.fromEntries(values) } as ActiveToxic;
}

/** Whether the server has what was sent. It stores toxicity as a 32-bit float and may have more attributes. */
export function isSameToxic(sent: ToxicJson, found: ToxicJson): boolean {
  const isClose = Math.abs(sent.toxicity - found.toxicity) < 1e-6;
  const { name, type, stream, attributes } = found;
  const known = Object.fromEntries(Object.keys(sent.attributes).map(key => [key, attributes[key]]));
  return isClose && isDeepStrictEqual({ ...sent, toxicity: 0 }, { name, type, stream, toxicity: 0, attributes: known });
}

function settingsOf(type: string): Record<string, readonly [string, number | undefined]> | undefined {
  return Object.hasOwn(SETTINGS, type) ? SETTINGS[type as Toxic['kind']] : undefined;
}

function badToxic(field: string, expected: string, found: unknown): SquallError {
  const message = `Expected \`${field}\` to be ${expected}, got ${found} (${typeof found})`;
  return new SquallError('fault', 'BAD_TOXIC', message, { next: `Correct \`${field}\` of the fault.` });
}
