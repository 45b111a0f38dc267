import autocannon, { type Client } from 'autocannon';
import { segmentAt } from '../../harness/arrivals/arrivals.ts';
import type { Clock } from '../../harness/clock.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import { tlsNameOf } from '../../harness/host/tls-name.ts';
import type { Workload } from '../../harness/plan.ts';
import type { Outcome } from '../../harness/requests.ts';
import { type SingleRequest, singleRequests } from '../request/single-request.ts';
import { round, TAIL_BYTES, TAIL_MS } from '../stream/request.ts';
import { tally } from '../stream/tally.ts';
import { type AnswerReader, answerReader } from '../stream/wire/answer.ts';
import type { AnswerEvent } from '../stream/wire/event.ts';
import { httpAnswerReader, isExpectedStatus } from '../stream/wire/http-answer.ts';
import type { Journal } from '../worker/journal.ts';
import type { TimedJob } from '../worker/messages.ts';
import { watchWire } from './wire.ts';

/** Failures in a row without a single connection, after which there is nothing to probe: autocannon tries again at once. */
export const MOST_REFUSALS = 2000;

interface Request {
  readonly index: number;
  readonly sentMs: number;
  readonly promptTokens: number;
  status: number;
  upstream: string;
  outputTokens: number;
  firstByteMs: number | null;
  reader: AnswerReader | undefined;
}

/** One of autocannon's connections, and the request on it. */
interface Connection {
  readonly client: Client;
  readonly path: string;
  /** Undefined once its outcome is known, also while the rest of its answer comes in. */
  request: Request | undefined;
  tailBytes: number;
  tail: NodeJS.Timeout | undefined;
}

/** What a probe needs beside its job. */
export interface ProbeOptions {
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'append'>;
}

/**
 * A closed loop by autocannon: so many connections, each of which sends as soon as it has its answer. There is no schedule, so a
 * request's `scheduledMs` is its `sentMs`: a service that stalls also stalls its probe, and latencies under load are flattered
 * by it. It tells how much a service can take at most, and nothing about what users would see at that rate.
 *
 * autocannon's own figures are not used: they are whole milliseconds, and wrong where a rate is set and it corrects them
 * (`ignoreCoordinatedOmission` is refused without a rate, which is never set here). Each answer is timed here.
 */
export class Probe {
  readonly #job: TimedJob;
  readonly #options: ProbeOptions;
  readonly #requestOf: (index: number) => SingleRequest;
  readonly #connections: Connection[] = [];
  readonly #tally = tally();
  readonly #done = Promise.withResolvers<void>();
  #sent = 0;
  #refusals = 0;
  #isEnding = false;

  constructor(job: TimedJob, options: ProbeOptions) {
    this.#job = job;
    this.#options = options;
    const host = job.origin === undefined ? undefined : new URL(job.origin).host;
    this.#requestOf = singleRequests(job.plan.workload, job.seed, { authorization: job.authorization, host });
  }

  /** Resolves when the last answer after the end of the plan is in. @throws Error when no connection comes about at all */
  async run(): Promise<void> {
    const { plan, targets, zeroMs, origin, authority } = this.#job;
    const { clock } = this.#options;
    const beginMs = plan.segments[0]?.fromMs ?? 0;
    const endMs = plan.segments.at(-1)?.toMs ?? 0;
    await clock.sleep(zeroMs + beginMs - clock.nowMs());
    if (this.#isEnding) return;
    const named = origin === undefined ? undefined : tlsNameOf(new URL(origin).hostname);
    autocannon({
      servername: named?.servername ?? '',
      tlsOptions: { ...named, ...(authority === undefined ? {} : { ca: authority }) },
      url: targets,
      connections: plan.connections ?? 1,
      pipelining: 1,
      // It looks at the clock once a second; the end is ours.
      duration: (endMs - beginMs) / 1000 + 3600,
      setupClient: client => this.#attach(client),
    });
    const timer = setTimeout(() => this.#end(), zeroMs + endMs - clock.nowMs());
    await this.#done.promise.finally(() => clearTimeout(timer));
  }

  /** How many requests were begun. */
  get requests(): number {
    return this.#sent;
  }

  progress(): LoadProgress {
    const inFlight = this.#connections.filter(({ request }) => request).length;
    return this.#tally.progress(this.#now(), inFlight);
  }

  /** Cuts what is in flight; {@link run} then resolves. */
  stop(): void {
    this.#isEnding = true;
    for (const connection of this.#connections) {
      this.#settle(connection, 'interrupted');
      connection.client.destroy();
    }
    this.#done.resolve();
  }

  #attach(client: Client): void {
    const { plan, targets } = this.#job;
    const { pathname } = new URL(targets[this.#connections.length % targets.length]!);
    const path = pathname.replace(/\/$/, '');
    const connection: Connection = { client, path, request: undefined, tailBytes: 0, tail: undefined };
    this.#connections.push(connection);
    const isHead = plan.workload.kind === 'http' && plan.workload.method === 'HEAD';
    watchWire(
      client,
      { ...plan, isHead },
      {
        begin: () => this.#begin(connection),
        headers: (status, headers) => this.#answering(connection, status, headers),
        body: bytes => this.#read(connection, bytes),
        end: () => {
          connection.request?.reader?.end();
          this.#settle(connection, 'truncated');
          if (this.#isEnding) this.#close(connection);
        },
        lost: (outcome, error) => this.#lost(connection, outcome, error),
      },
    );
  }

  #begin(connection: Connection): void {
    if (this.#isEnding) {
      this.#close(connection);
      return;
    }
    clearTimeout(connection.tail);
    connection.tailBytes = 0;
    const index = this.#sent;
    this.#sent += 1;
    const { path, promptTokens, headers, ...request } = this.#requestOf(index);
    // Where a body could be, autocannon does not say that there is none.
    const length = request.body === '' && /^P/.test(request.method) ? { 'content-length': '0' } : {};
    connection.client.setRequests([{ ...request, path: connection.path + path, headers: { ...length, ...headers } }]);
    const nothing = { status: 0, upstream: '', outputTokens: 0, firstByteMs: null, reader: undefined };
    connection.request = { index, sentMs: this.#now(), promptTokens, ...nothing };
  }

  #answering(connection: Connection, status: number, headers: ReadonlyMap<string, string>): void {
    const { request } = connection;
    if (!request) return;
    this.#refusals = 0;
    request.status = status;
    request.upstream = headers.get('x-squall-upstream') ?? '';
    const { workload } = this.#job.plan;
    const known = outcomeOfHead(workload, status, headers.get('content-type'));
    if (known) {
      this.#settle(connection, known);
      return;
    }
    const onEvent = (event: AnswerEvent) => this.#onEvent(connection, request, event);
    if (workload.kind === 'http') {
      request.firstByteMs = this.#now();
      this.#tally.firstToken(request.firstByteMs - request.sentMs, request.firstByteMs);
      request.reader = httpAnswerReader(workload.expect, onEvent);
    } else request.reader = answerReader(onEvent);
  }

  #read(connection: Connection, bytes: Buffer): void {
    if (connection.request) connection.request.reader?.feed(bytes);
    else connection.tailBytes += bytes.length;
    if (connection.tailBytes > TAIL_BYTES) cut(connection);
  }

  #onEvent(connection: Connection, request: Request, event: AnswerEvent): void {
    if (connection.request !== request) return;
    if (event === 'token') request.outputTokens += 1;
    else if (event === 'done') this.#settle(connection, 'ok');
    else if (event === 'error') this.#settle(connection, 'truncated');
    else if (event === 'malformed') this.#settle(connection, 'malformed');
  }

  #lost(connection: Connection, outcome: Outcome, error: Error | undefined): void {
    const isConnecting = error !== undefined && ['connection-refused', 'dropped'].includes(outcome);
    this.#settle(connection, outcome);
    this.#refusals = isConnecting ? this.#refusals + 1 : 0;
    if (this.#refusals < MOST_REFUSALS) return;
    this.#done.reject(new Error(`${MOST_REFUSALS} attempts in a row found no connection: ${error?.message}`));
    this.stop();
  }

  #settle(connection: Connection, outcome: Outcome): void {
    const { request } = connection;
    if (!request) return;
    connection.request = undefined;
    connection.tail = setTimeout(() => cut(connection), TAIL_MS);
    const { index, promptTokens, status, upstream, outputTokens, firstByteMs } = request;
    const scheduledMs = round(request.sentMs);
    const sentMs = outcome === 'dropped' ? null : scheduledMs;
    const firstTokenMs = firstByteMs === null ? null : round(firstByteMs);
    const endMs = round(this.#now());
    const stage = segmentAt(this.#job.plan.segments, scheduledMs)?.name ?? '';
    const place = { index, scheduledMs, sentMs, firstTokenMs, endMs, outcome, promptTokens, stage };
    const record = { ...place, status, upstream, outputTokens, gaps: [] };
    this.#options.journal.append(record);
    this.#tally.settled(record, endMs);
  }

  /** No more is sent; each connection closes with its answer. */
  #end(): void {
    this.#isEnding = true;
    for (const connection of this.#connections) if (!connection.request) this.#close(connection);
  }

  #close({ client, tail }: Connection): void {
    clearTimeout(tail);
    client.destroy();
    if (this.#connections.every(({ request }) => !request)) this.#done.resolve();
  }

  #now(): number {
    return this.#options.clock.nowMs() - this.#job.zeroMs;
  }
}

/** What an answer comes to whatever its body says; undefined where that decides. */
function outcomeOfHead(workload: Workload, status: number, type = 'text/event-stream'): Outcome | undefined {
  if (workload.kind === 'http') return isExpectedStatus(workload.expect, status) ? undefined : 'http-status';
  if (status < 200 || status >= 300) return 'http-status';
  return type.startsWith('text/event-stream') ? undefined : 'malformed';
}

/** autocannon then takes a new socket. */
function cut({ client }: Connection): void {
  client.conn.destroy(new Error('no longer wanted'));
}
