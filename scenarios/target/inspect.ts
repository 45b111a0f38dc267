import { once } from 'node:events';
import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { LoadJob } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { failureText } from '../../harness/failure-text.ts';
import { tlsNameOf, tlsOptionsOf } from '../../harness/host/client-tls.ts';
import type { Machine } from '../../harness/host/network.ts';
import type { SecretBytes } from '../../harness/host/secrets.ts';
import { formatMs } from '../../harness/quantity.ts';
import { awaitReady } from '../../load/inspect/ready.ts';
import { failureOf, type SingleResult, sendSingle, smallTask } from '../../load/inspect/single.ts';
import { type Tapped, tapped } from '../../load/inspect/tap.ts';
import { resolvedHeaders } from '../../load/request/secrets.ts';
import { StreamOptions } from '../../load/stream/stream-options.ts';
import { openTargets } from '../../load/stream/wire/targets.ts';
import { hostAndPort, reachableAddresses } from '../../platform/external/reach.ts';
import { endpointAgent, readEndpoint } from '../../stack/observability/endpoint.ts';
import { loadScenario } from '../load-scenario.ts';
import type { External } from './external.ts';
import { targetModels } from './models.ts';

/** One thing that was found out about a server. */
export interface TargetCheck {
  /** Such as `reach`, `tls`, `models`, `ready`, `dialect`. */
  readonly check: string;
  /** `bad` keeps runs from being started, `note` is worth knowing. */
  readonly state: 'ok' | 'note' | 'bad';
  readonly found: string;
  /** What to do about it; empty for nothing. */
  readonly next: string;
}

/** Options of {@link inspectTarget}. */
export interface InspectOptions {
  readonly machine: Machine;
  readonly secret: SecretBytes;
  /** @default the first that the server lists */
  readonly model?: string | undefined;
  /** Headers of the requests, as in `load.headers`. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Names of the variables with proxies that are not used. */
  readonly proxies?: readonly string[];
  readonly signal: AbortSignal;
}

const LIMIT_MS = 10_000;
/** Tokens of the answer by which the dialect is told. */
const TOKENS = 32;
const DAY_MS = 86_400_000;
/** Limit of the end of a response after its last frame, and interval at which it is looked for. */
const FREE_LIMIT_MS = 2000;
const FREE_MS = 20;
const CONNECT_LIMIT_MS = 3000;
const METRICS_LIMIT_MS = 5000;

/**
 * Finds out how a server answers before any load, with at most eight requests, each limited to 10 s: reach, TLS, models, whether it
 * completes a request and after how long, its dialect, keep-alive, its words for a failure, its metrics. Ends at the first `bad` one.
 * @throws the signal's reason on abort
 */
export async function inspectTarget(external: External, options: InspectOptions): Promise<TargetCheck[]> {
  const { machine, signal, proxies = [] } = options;
  const checks: TargetCheck[] = [];
  const add = (check: string, state: TargetCheck['state'], found: string, next = '') =>
    void checks.push({ check, state, found, next });
  if (proxies.length > 0) add('proxy', 'note', `${proxies.join(', ')} set, and not used: connections are direct`);
  try {
    const addresses = await reachableAddresses({ ...external, readyWithinMs: undefined }, machine, signal);
    for (const address of external.addresses) checks.push(await reach(address, external, machine, signal));
    const isTls = external.url.startsWith('https:');
    if (isTls) checks.push(await handshake(addresses[0], external, machine, signal));
    const listed = await models(external, options);
    checks.push(listed.check);
    const model = options.model ?? listed.models[0] ?? 'default';
    const job = await jobFor(external, addresses, model, options);
    const withinMs = external.readyWithinMs || LIMIT_MS;
    const ready = await awaitReady(job, { withinMs, machine, signal });
    const waited = ready.waitedFor === '' ? '' : `, after ${ready.waitedFor}`;
    add('ready', 'ok', `${model} completed a request of one token in ${formatMs(ready.tookMs)}${waited}`);
    checks.push(...(await dialect(job, machine)), await metrics(external, machine, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SquallError)) throw error;
    add(error.code.toLowerCase().replaceAll('_', '-'), 'bad', error.message, error.next);
  }
  return checks;
}

async function reach(
  address: string,
  { port }: External,
  { clock, network }: Machine,
  signal: AbortSignal,
): Promise<TargetCheck> {
  const startMs = clock.nowMs();
  const socket = network.connect({ host: address, port });
  const place = hostAndPort(address, port);
  try {
    await once(socket, 'connect', { signal: AbortSignal.any([signal, clock.timeout(CONNECT_LIMIT_MS)]) });
    return { check: 'reach', state: 'ok', found: `${place} in ${formatMs(clock.nowMs() - startMs)}`, next: '' };
  } catch (error) {
    signal.throwIfAborted();
    const next = 'Requests go to the other addresses; a server usually listens on all of a name.';
    return { check: 'reach', state: 'note', found: `${place}: ${messageOf(error)}`, next };
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

/** Offers HTTP/2 as well, to learn what the server would choose. */
async function handshake(
  address: string,
  { url, port, tls }: External,
  { clock, network }: Machine,
  signal: AbortSignal,
): Promise<TargetCheck> {
  const { hostname } = new URL(url);
  const options = { ...tlsNameOf(hostname), ...tlsOptionsOf(tls), ALPNProtocols: ['h2', 'http/1.1'] };
  const socket: TLSSocket = network.connectTls({ host: address, port }, options);
  try {
    await once(socket, 'secureConnect', { signal: AbortSignal.any([signal, clock.timeout(CONNECT_LIMIT_MS)]) });
    const { issuer, valid_to: until } = socket.getPeerCertificate() as Partial<PeerCertificate>;
    const days = until === undefined ? Number.NaN : Math.floor((Date.parse(until) - clock.date().getTime()) / DAY_MS);
    const issued = issuer?.O ?? issuer?.CN ?? 'nobody named';
    const offered = socket.alpnProtocol ? `prefers ${socket.alpnProtocol}` : 'names no protocol (ALPN)';
    const found = `${socket.getProtocol()}, certificate by ${issued} for ${days} more days, ${offered}; Squall speaks http/1.1`;
    const isShort = !(days >= 7);
    return { check: 'tls', state: isShort ? 'note' : 'ok', found, next: isShort ? 'Renew the certificate.' : '' };
  } finally {
    socket.on('error', () => {}).destroy();
  }
}

async function models(external: External, { model, headers = {}, machine, signal }: InspectOptions) {
  const check = (state: TargetCheck['state'], found: string, next = ''): TargetCheck => ({
    check: 'models',
    state,
    found,
    next,
  });
  try {
    const listed = await targetModels(external, resolvedHeaders(headers, process.env), machine, signal);
    const isListed = model === undefined || listed.includes(model);
    const others = `${model} is not among them`;
    return {
      models: listed,
      check: isListed ? check('ok', listed.join(', ')) : check('note', `${listed.join(', ')}: ${others}`),
    };
  } catch (error) {
    signal.throwIfAborted();
    return {
      models: [],
      check: check('note', messageOf(error), 'Name the model: --model, or load.model of the scenario.'),
    };
  }
}

/** Job of a load of chat completions, as a run compiles it. */
async function jobFor(
  external: External,
  addresses: readonly string[],
  model: string,
  { headers, secret, signal }: InspectOptions,
): Promise<LoadJob> {
  const load = { stages: [{ at: '1/s', for: '1s' }], model, ...(headers && { headers }) };
  const slos = [{ name: 'none', objective: 'errors <= 100%' }];
  const raw = { name: 'doctor', why: 'Requests as a run would send them.', load, slos };
  const from = { raw, source: 'squall doctor', folder: process.cwd() };
  const { compiled } = await loadScenario(from, { seed: 1, platform: 'external', external, replay: '', signal });
  const { protocol, origin, hostname, pathname } = new URL(external.url);
  const { iOwnThisTarget, port, authorization, tls } = external;
  return {
    ...{
      runId: `doctor-${secret(2).toString('hex')}`,
      seed: 1,
      plan: { ...compiled.plan.load, idleTimeoutMs: LIMIT_MS },
    },
    targets: addresses.map(address => `${protocol}//${hostAndPort(address, port)}${pathname.replace(/\/$/, '')}`),
    lookUp: { hostname: hostname.replace(/^\[|\]$/g, ''), iOwnThisTarget },
    ...{ origin, authority: undefined, authorization, journalPath: '', logPath: '' },
    ...(tls && { tls }),
  };
}

/** One stream, read like those of a load and kept as it came, and one request that must fail. */
async function dialect(job: LoadJob, machine: Machine): Promise<TargetCheck[]> {
  const plain = openTargets(job, machine)[0]!;
  const { target, seen } = tapped(plain);
  const streamOptions = new StreamOptions(true);
  const send = (own: LoadJob, name: string) => {
    const task = smallTask(own, TOKENS, name, streamOptions);
    return sendSingle(task, target, { clock: machine.clock, limitMs: LIMIT_MS, streamOptions }).done;
  };
  const result = await send(job, 'stream');
  const checks = streamChecks(result, seen);
  // A stream is complete with its last frame; its connection is free, and counted, with the end of the response.
  const { counts } = plain.connections;
  for (let waitedMs = 0; waitedMs < FREE_LIMIT_MS && counts.maxRequests === 0; waitedMs += FREE_MS)
    await machine.clock.sleep(FREE_MS);
  const { workload } = job.plan;
  const wrong = { ...job, plan: { ...job.plan, workload: { ...workload, model: 'squall-no-such-model' } } };
  const failed = await send(wrong, 'unknown-model');
  const isRefused = failed.record.outcome !== 'ok';
  const words = isRefused ? failureOf(failed, failureText) : 'a model that it cannot have is answered all the same';
  checks.push({ check: 'errors', state: isRefused ? 'ok' : 'note', found: words, next: '' });
  const isKept = counts.opened === 1;
  const kept = isKept ? 'one connection carried both requests' : 'each request took a connection of its own';
  checks.push({ check: 'keep-alive', state: isKept ? 'ok' : 'note', found: kept, next: '' });
  return checks;
}

function streamChecks(result: SingleResult, seen: Tapped): TargetCheck[] {
  const { record, notes } = result;
  const ok = (check: string, found: string): TargetCheck => ({ check, state: 'ok', found, next: '' });
  const note = (check: string, found: string, next = ''): TargetCheck => ({ check, state: 'note', found, next });
  if (record.outcome !== 'ok' && record.outcome !== 'empty') return [note('dialect', failureOf(result, failureText))];
  const { frames = 0, reads = 0, outputTokens, usedPromptTokens } = record;
  const encoding = seen.header('content-encoding');
  const isBuffered = frames >= 2 && (reads === 1 || (frames > 3 && reads === 2));
  const first = seen.text
    .split(/\r?\n\r?\n/)
    .slice(0, 2)
    .join(' ⏎ ')
    .replaceAll(/[^ -~⏎]/g, '.')
    .slice(0, 240);
  return [
    ok(
      'dialect',
      `HTTP/1.1 ${seen.status}, ${seen.header('content-type') ?? 'no content type'}, begins: ${encoding ? encoding : first}`,
    ),
    ok('max_tokens', `accepted; ${outputTokens} came of ${TOKENS}`),
    ...(encoding ? [note('compression', `${encoding}, unasked`)] : [ok('compression', 'none')]),
    notes.some(({ name }) => name === 'no-done')
      ? note('[DONE]', 'missing; the finish reason ends its streams')
      : ok('[DONE]', 'ends its streams'),
    usedPromptTokens === undefined
      ? note(
          'usage',
          'not sent, although stream_options.include_usage asks for it',
          'Tokens are counted as frames with output.',
        )
      : ok('usage', `${usedPromptTokens} tokens of prompt, ${outputTokens} of output in ${frames} frames`),
    isBuffered
      ? note(
          'buffering',
          `${frames} frames came in ${reads} reads`,
          'Switch buffering off in the proxies on the way (nginx: proxy_buffering off): inter-token latency cannot be measured.',
        )
      : ok('buffering', `${frames} frames in ${reads} reads`),
    ...notes
      .filter(({ type, name }) => type === 'oddity' && name !== 'no-done')
      .map(({ example }) => note('oddity', example)),
  ];
}

async function metrics(external: External, machine: Machine, signal: AbortSignal): Promise<TargetCheck> {
  const url = `${new URL(external.url).origin}/metrics`;
  const { addresses, port, authorization, tls } = external;
  const endpoint = {
    name: 'doctor',
    url,
    via: addresses.map(address => hostAndPort(address, port)),
    authorization,
    tls,
  };
  const agent = await endpointAgent(endpoint, machine);
  const next = 'A run samples them with --metrics URL; docs/metrics.md lists the names that it knows.';
  try {
    const readings = await readEndpoint(
      endpoint,
      agent,
      AbortSignal.any([signal, machine.clock.timeout(METRICS_LIMIT_MS)]),
    );
    const names = Object.keys(readings).join(', ');
    if (names !== '')
      return { check: 'metrics', state: 'ok', found: `${url}: ${names}`, next: `Sample them: --metrics ${url}` };
    return { check: 'metrics', state: 'note', found: `${url} has no known name`, next };
  } catch (error) {
    signal.throwIfAborted();
    return { check: 'metrics', state: 'note', found: `none at ${url}: ${messageOf(error)}`, next };
  } finally {
    await agent.destroy();
  }
}
