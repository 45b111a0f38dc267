import { HttpError } from '../exchange.ts';
import { formatGoDuration, parseGoDurationMs } from './go-duration.ts';

/** Status of a check, as in Consul. */
export type CheckStatus = 'passing' | 'warning' | 'critical';

/** Method of a check. `http`: 2xx is passing, 429 is warning, anything else and a timeout is critical. */
export type CheckMethod =
  | { readonly kind: 'ttl'; readonly ttlMs: number }
  | { readonly kind: 'http'; readonly url: string; readonly intervalMs: number; readonly timeoutMs: number };

/** Registered health check of a service. */
export interface CheckDefinition {
  readonly id: string;
  readonly name: string;
  readonly notes: string;
  readonly method: CheckMethod;
  /** Initial status. Undefined: the previous status, or critical. */
  readonly status: CheckStatus | undefined;
  /** Time in critical after which the service is deregistered; undefined: never. */
  readonly deregisterAfterMs: number | undefined;
}

/** Registered instance of a service. */
export interface ServiceDefinition {
  readonly id: string;
  readonly name: string;
  /** Empty: the node's address. */
  readonly address: string;
  readonly port: number;
  /** Additional addresses by tag, besides Consul's `lan` and `wan`. */
  readonly taggedAddresses: Readonly<Record<string, { readonly address: string; readonly port: number }>>;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly checks: readonly CheckDefinition[];
}

const STATUSES: readonly string[] = ['passing', 'warning', 'critical'];
const DEFAULT_TIMEOUT_MS = 10_000;
/** Bounds of how often a check is run, and how long it may take, in ms; values beyond are lowered or raised to them. */
const INTERVAL_MS = { min: 10, max: 86_400_000 };
const MAX_TIMEOUT_MS = 60_000;
const MAX_NAME_LENGTH = 512;

/**
 * Parses the body of `PUT /v1/agent/service/register`. As in Consul, keys are case-insensitive and unknown ones are ignored.
 * Not implemented: script, TCP, gRPC, Docker and alias checks.
 * @param minDeregisterMs lower bound of `DeregisterCriticalServiceAfter`
 * @throws HttpError 400
 */
export function readServiceDefinition(body: unknown, minDeregisterMs: number): ServiceDefinition {
  const fields = foldKeys(body, 'the body');
  const name = text(fields, 'name');
  if (name === '') throw new HttpError(400, 'Missing service name');
  const id = text(fields, 'id') || name;
  if (name.length > MAX_NAME_LENGTH || id.length > MAX_NAME_LENGTH)
    throw bad(`Name and ID must have at most ${MAX_NAME_LENGTH} characters`);
  const port = fields.port ?? 0;
  if (!Number.isInteger(port) || (port as number) < 0 || (port as number) > 65_535)
    throw bad('Port must be 0 to 65535');
  const single = fields.check === undefined || fields.check === null ? [] : [fields.check];
  const checks = [...single, ...list(fields, 'checks')].map((check, index, all) => {
    const defaultId = all.length > 1 ? `service:${id}:${index + 1}` : `service:${id}`;
    return readCheck(check, name, defaultId, minDeregisterMs);
  });
  if (new Set(checks.map(check => check.id)).size < checks.length) throw bad('two checks have the same CheckID');
  return {
    id,
    name,
    address: text(fields, 'address'),
    port: port as number,
    taggedAddresses: taggedAddresses(fields),
    tags: tags(fields),
    meta: meta(fields),
    checks,
  };
}

function readCheck(body: unknown, service: string, defaultId: string, minDeregisterMs: number): CheckDefinition {
  const fields = foldKeys(body, 'a check');
  const status = text(fields, 'status');
  if (status !== '' && !STATUSES.includes(status)) throw bad(`Invalid check: status "${status}"`);
  const afterMs = duration(fields, 'deregistercriticalserviceafter');
  return {
    id: text(fields, 'checkid') || text(fields, 'id') || defaultId,
    name: text(fields, 'name') || `Service '${service}' check`,
    notes: text(fields, 'notes'),
    method: readMethod(fields),
    status: status === '' ? undefined : (status as CheckStatus),
    deregisterAfterMs: afterMs ? Math.max(afterMs, minDeregisterMs) : undefined,
  };
}

function readMethod(fields: Fields): CheckMethod {
  const ttlMs = duration(fields, 'ttl') ?? 0;
  const url = text(fields, 'http');
  const intervalMs = duration(fields, 'interval') ?? 0;
  if (ttlMs > 0 && (url !== '' || intervalMs > 0))
    throw new HttpError(400, 'Invalid check: Interval and TTL cannot both be specified');
  if (ttlMs > 0) return { kind: 'ttl', ttlMs };
  if (url === '') throw new HttpError(400, 'Invalid check: TTL must be > 0 for TTL checks');
  if (intervalMs <= 0) throw new HttpError(400, 'Invalid check: Interval must be > 0 for HTTP checks');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new HttpError(400, `Invalid check: HTTP must be a URL, got ${JSON.stringify(url)}`);
  return {
    kind: 'http',
    url,
    intervalMs: Math.min(Math.max(intervalMs, INTERVAL_MS.min), INTERVAL_MS.max),
    timeoutMs: Math.min(duration(fields, 'timeout') || DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS),
  };
}

/** `Interval` and `Timeout` in the JSON of a check. */
export function timingOf(method: CheckMethod): { readonly Interval: string; readonly Timeout: string } {
  if (method.kind === 'ttl') return { Interval: '', Timeout: '' };
  return { Interval: formatGoDuration(method.intervalMs), Timeout: formatGoDuration(method.timeoutMs) };
}

type Fields = Readonly<Record<string, unknown>>;

function foldKeys(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw bad(`${what} must be a JSON object`);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key.toLowerCase(), field]));
}

function text(fields: Fields, key: string): string {
  const value = fields[key] ?? '';
  if (typeof value !== 'string') throw bad(`${key} must be a string`);
  return value;
}

function list(fields: Fields, key: string): readonly unknown[] {
  const value = fields[key] ?? [];
  if (!Array.isArray(value)) throw bad(`${key} must be a list`);
  return value;
}

function duration(fields: Fields, key: string): number | undefined {
  const value = fields[key];
  if (value === undefined || value === null || value === '') return undefined;
  const durationMs = parseGoDurationMs(value);
  if (durationMs === undefined) throw bad(`time: invalid duration ${JSON.stringify(value)}`);
  return durationMs;
}

function tags(fields: Fields): readonly string[] {
  const value = list(fields, 'tags');
  if (!value.every(tag => typeof tag === 'string')) throw bad('Tags must be strings');
  return value;
}

function taggedAddresses(fields: Fields): ServiceDefinition['taggedAddresses'] {
  const tagged = fields.taggedaddresses ?? {};
  if (typeof tagged !== 'object' || Array.isArray(tagged)) throw bad('TaggedAddresses must map tags to addresses');
  const entries = Object.entries(tagged as object).map(([tag, value]) => {
    const { address, port } = foldKeys(value, `TaggedAddresses.${tag}`);
    if (typeof address !== 'string' || !Number.isInteger(port))
      throw bad(`TaggedAddresses.${tag} needs Address and Port`);
    return [tag, { address, port: port as number }] as const;
  });
  return Object.fromEntries(entries);
}

function meta(fields: Fields): Readonly<Record<string, string>> {
  const value = fields.meta ?? {};
  const isMap = typeof value === 'object' && !Array.isArray(value);
  if (!isMap || !Object.values(value).every(entry => typeof entry === 'string'))
    throw bad('Meta must map strings to strings');
  return value as Record<string, string>;
}

function bad(reason: string): HttpError {
  return new HttpError(400, `Request decode failed: ${reason}`);
}
