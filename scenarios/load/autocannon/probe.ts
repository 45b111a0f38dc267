import autocannon, { type Client } from 'autocannon';
import { segmentAt } from '../../../harness/arrivals.ts';
import type { Clock } from '../../../harness/clock.ts';
import type { LoadProgress } from '../../../harness/contracts.ts';
import type { Outcome, RequestRecord } from '../../../harness/requests.ts';
import { chatBody } from '../chat-body.ts';
import type { Journal } from '../journal.ts';
import type { TimedJob } from '../messages.ts';
import { outcomeOfError } from '../stream/failure.ts';
import { tally } from '../stream/tally.ts';
import { readWholeAnswer } from '../whole-answer.ts';

/** Failures in a row without a single connection, after which there is nothing to probe: autocannon tries again at once. */
export const MOST_REFUSALS = 2000;
/** autocannon's timer may be a little early. */
const TIMER_SLACK_MS = 20;

interface Request {
  readonly index: number;
  readonly sentMs: number;
  readonly promptTokens: number;
  hasHeaders: boolean;
}

/** One of autocannon's connections, and the request on it. */
interface Connection {
  readonly client: Client;
  readonly path: string;
  request: Request | undefined;
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
  /** autocannon has one timeout, for the whole answer, in whole seconds. */
  readonly #timeoutMs: number;
  readonly #connections: Connection[] = [];
  readonly #tally = tally();
  readonly #done = Promise.withResolvers<void>();
  #sent = 0;
  #refusals = 0;
  #isEnding = false;

  constructor(job: TimedJob, options: ProbeOptions) {
    this.#job = job;
    this.#options = options;
    this.#timeoutMs = Math.ceil(job.plan.idleTimeoutMs / 1000) * 1000;
  }

  /** Resolves when the last answer after the end of the plan is in. @throws Error when no connection comes about at all */
  async run(): Promise<void> {
    const { plan, targets, zeroMs } = this.#job;
    const { clock } = this.#options;
    const beginMs = plan.segments[0]?.fromMs ?? 0;
    const endMs = plan.segments.at(-1)?.toMs ?? 0;
    await clock.sleep(zeroMs + beginMs - clock.nowMs());
    if (this.#isEnding) return;
    autocannon({
      url: targets,
      connections: plan.connections ?? 1,
      pipelining: 1,
      // It looks at the clock once a second; the end is ours.
      duration: (endMs - beginMs) / 1000 + 3600,
      timeout: this.#timeoutMs / 1000,
      setupClient: client => this.#attach(client),
    });
    const leftMs = zeroMs + endMs - clock.nowMs();
    const timers = [
      setTimeout(() => this.#end(), leftMs),
      setTimeout(() => this.stop(), leftMs + this.#timeoutMs + 1000),
    ];
    await this.#done.promise.finally(() => timers.forEach(clearTimeout));
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
    const { pathname } = new URL(this.#job.targets[this.#connections.length % this.#job.targets.length]!);
    const path = `${pathname.replace(/\/$/, '')}/v1/chat/completions`;
    const connection: Connection = { client, path, request: undefined };
    this.#connections.push(connection);
    client.on('request', () => this.#begin(connection));
    client.on('headers', () => {
      if (connection.request) connection.request.hasHeaders = true;
    });
    client.on('connError', error => this.#fail(connection, error));
  }

  /** autocannon is about to send. What was on the connection before and has no answer was lost with the connection. */
  #begin(connection: Connection): void {
    if (connection.request) this.#lose(connection, connection.request);
    if (this.#isEnding) {
      this.#close(connection);
      return;
    }
    const { plan, seed, authorization } = this.#job;
    const index = this.#sent;
    this.#sent += 1;
    const { body, promptTokens } = chatBody(plan.workload, seed, index);
    const headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      'user-agent': 'squall',
      'x-request-id': `squall-${seed}-${index}`,
      ...(authorization === '' ? {} : { authorization }),
    };
    const onResponse = (status: number, text: string, _: unknown, answered: Record<string, string | string[]>) =>
      this.#answered(connection, status, text, answered);
    connection.client.setRequests([{ method: 'POST', path: connection.path, headers, body, onResponse }]);
    connection.request = { index, sentMs: this.#now(), promptTokens, hasHeaders: false };
  }

  #answered(
    connection: Connection,
    status: number,
    text: string,
    raw: Readonly<Record<string, string | string[]>>,
  ): void {
    this.#refusals = 0;
    const headers = new Map(Object.entries(raw).map(([name, value]) => [name.toLowerCase(), String(value)]));
    const upstream = headers.get('x-squall-upstream') ?? '';
    const isSuccess = status >= 200 && status < 300;
    const { body, outputTokens } = readWholeAnswer(headers.get('content-type'), isSuccess ? text : '');
    this.#settle(connection, isSuccess ? body : 'http-status', { status, upstream, outputTokens });
    if (this.#isEnding) this.#close(connection);
  }

  #fail(connection: Connection, error: Error): void {
    const isConnecting = 'syscall' in error && ['connect', 'getaddrinfo'].includes(String(error.syscall));
    const phase = isConnecting ? 'connecting' : connection.request?.hasHeaders ? 'answering' : 'waiting';
    this.#settle(connection, outcomeOfError(error, phase));
    this.#refusals = isConnecting ? this.#refusals + 1 : 0;
    if (this.#refusals < MOST_REFUSALS) return;
    this.#done.reject(new Error(`${MOST_REFUSALS} attempts in a row found no connection: ${error.message}`));
    this.stop();
  }

  #lose(connection: Connection, { sentMs, hasHeaders }: Request): void {
    const waitedMs = this.#now() - sentMs;
    const isTimeout = waitedMs >= this.#timeoutMs - TIMER_SLACK_MS;
    this.#settle(connection, isTimeout ? 'idle-timeout' : hasHeaders ? 'truncated' : 'reset');
  }

  #settle(
    connection: Connection,
    outcome: Outcome,
    answer: Partial<Pick<RequestRecord, 'status' | 'upstream' | 'outputTokens'>> = {},
  ): void {
    const { request } = connection;
    if (!request) return;
    connection.request = undefined;
    const { index, promptTokens } = request;
    const sentMs = rounded(request.sentMs);
    const endMs = rounded(this.#now());
    const stage = segmentAt(this.#job.plan.segments, sentMs)?.name ?? '';
    const known = { status: 0, upstream: '', outputTokens: 0, ...answer, firstTokenMs: null, gaps: [] };
    const record = { index, scheduledMs: sentMs, sentMs, endMs, outcome, promptTokens, stage, ...known };
    this.#options.journal.append(record);
    this.#tally.settled(record, endMs);
  }

  /** No more is sent; each connection closes with its answer. */
  #end(): void {
    this.#isEnding = true;
    for (const connection of this.#connections) if (!connection.request) this.#close(connection);
  }

  #close({ client }: Connection): void {
    client.destroy();
    if (this.#connections.every(({ request }) => !request)) this.#done.resolve();
  }

  #now(): number {
    return this.#options.clock.nowMs() - this.#job.zeroMs;
  }
}

function rounded(ms: number): number {
  return Number(ms.toFixed(3));
}
