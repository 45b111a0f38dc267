import autocannon, { type Client, type Head } from 'autocannon';
import { rampAt } from '../../harness/arrivals/arrivals.ts';
import type { Clock } from '../../harness/clock.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import type { Workload } from '../../harness/plan.ts';
import { type Outcome, requestRecord } from '../../harness/requests.ts';
import { talkOf } from '../request/prompt.ts';
import { buildRequest, type Sender } from '../request/request.ts';
import { tally } from '../stream/tally.ts';
import { type AnswerReader, answerReader } from '../stream/wire/answer.ts';
import type { AnswerEvent } from '../stream/wire/event.ts';
import { outcomeOfError } from '../stream/wire/failure.ts';
import { httpAnswerReader, isExpectedStatus } from '../stream/wire/http-answer.ts';
import type { Journal } from '../worker/journal.ts';
import type { TimedJob } from '../worker/messages.ts';

/** Failures in a row without a single answer begun, after which there is nothing to probe: autocannon tries again at once. */
const MAX_FAILURES = 2000;
/** Node's timers count whole milliseconds, and may be early by one. */
const TIMER_EARLY_MS = 1;

interface Request {
  readonly index: number;
  readonly sentMs: number;
  readonly promptTokens: number;
  readonly message: object;
  status: number;
  upstream: string;
  outputTokens: number;
  firstTokenMs: number | null;
}

/** One of autocannon's connections, and the request on it. */
interface Connection {
  readonly client: Client;
  readonly path: string;
  phase: 'idle' | 'waiting' | 'answering';
  /** Undefined once its outcome is known, also while the rest of its answer comes in. */
  request: Request | undefined;
  reader: AnswerReader | undefined;
  /** The server said that it closes the connection after the last answer, and autocannon sends on it all the same. */
  isClosing: boolean;
  /** It closed so, and a new socket was taken; an error may now be that of the socket before. */
  isDoubtful: boolean;
}

/** What a probe needs beside its job. */
export interface ProbeOptions {
  readonly clock: Clock;
  readonly journal: Pick<Journal, 'append'>;
}

/**
 * A closed loop by autocannon: so many connections, each of which sends as soon as it has its answer. There is no schedule, so a
 * request's `scheduledMs` is its `sentMs`: a service that stalls also stalls its probe, and latencies under load are flattered
 * by it. It shows how much a service can take at most, and nothing about what users would see at that rate.
 *
 * What autocannon reports of an answer is taken: its head, its body, its end, a failed connection, a timeout. Its latencies are not:
 * they are whole milliseconds, so each answer is timed here.
 *
 * | happens | recorded |
 * |---|---|
 * | a whole answer | what the streaming client would say of it |
 * | no connection, or one that is reset before the answer | `connection-refused`, `reset`, `dropped` |
 * | a connection that ends before the answer, in silence | `reset` |
 * | no whole answer within `idleTimeoutMs` | `idle-timeout`, also where no connection came about |
 * | an answer that breaks off, or has no end but its connection's | nothing: the probe is over |
 * | a reset before the first answer after a connection that the server said it would close | nothing: the probe is over |
 *
 * After an answer that broke off, autocannon goes on to parse the next one where that ended; after an error of a socket that it had
 * already replaced it has two, and takes answers for those of other requests. Nothing can be trusted then. TLS is refused because it trusts any certificate, HEAD because it waits for a body. It overlooks an answer that is
 * no HTTP, and every one after it: they are `reset` or `idle-timeout`. An informational answer (1xx) it takes for the answer.
 */
export class Probe {
  readonly #job: TimedJob;
  readonly #options: ProbeOptions;
  readonly #sender: Sender;
  readonly #connections: Connection[] = [];
  readonly #tally = tally();
  readonly #done = Promise.withResolvers<void>();
  #sent = 0;
  #failures = 0;
  #isEnding = false;

  constructor(job: TimedJob, options: ProbeOptions) {
    const { seed, authorization, origin } = job;
    this.#job = job;
    this.#options = options;
    this.#sender = { seed, authorization, host: origin === undefined ? undefined : new URL(origin).host };
  }

  /**
   * Resolves when the last answer after the end of the plan is in.
   * @throws SquallError `NOTHING_TO_PROBE` when no connection comes about, `PROBE_BROKEN_OFF` at an answer after which autocannon
   * cannot be trusted
   */
  async run(): Promise<void> {
    const { plan, targets, startAtMs } = this.#job;
    const { clock } = this.#options;
    const beginMs = plan.ramps[0]?.fromMs ?? 0;
    const endMs = plan.ramps.at(-1)?.toMs ?? 0;
    await clock.sleep(startAtMs + beginMs - clock.nowMs());
    if (this.#isEnding) return;
    const instance = autocannon({
      url: targets,
      connections: plan.connections ?? 1,
      // It looks at the clock once a second; the end is ours.
      duration: (endMs - beginMs) / 1000 + 3600,
      timeout: plan.idleTimeoutMs / 1000,
      setupClient: client => this.#attach(client),
    });
    instance.on('error', this.#done.reject);
    const timer = setTimeout(() => this.#end(), startAtMs + endMs - clock.nowMs());
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
    const { targets } = this.#job;
    const { pathname } = new URL(targets[this.#connections.length % targets.length]!);
    const connection: Connection = {
      client,
      path: pathname.replace(/\/$/, ''),
      phase: 'idle',
      request: undefined,
      reader: undefined,
      isClosing: false,
      isDoubtful: false,
    };
    this.#connections.push(connection);
    client.on('headers', head => this.#answering(connection, head));
    client.on('body', bytes => connection.request && connection.reader?.feed(bytes));
    client.on('response', () => this.#answered(connection));
    client.on('connError', error => this.#failed(connection, error));
    client.setRequests([{ setupRequest: defaults => ({ ...defaults, ...this.#next(connection) }) }]);
  }

  /** What the connection sends next. */
  #next(connection: Connection): object {
    const { phase, request, isClosing } = connection;
    if (phase === 'answering') this.#breakOff('An answer had no end but that of its connection, or of the time limit');
    if (phase === 'waiting' && request) {
      const isTimeout = this.#now() - request.sentMs >= this.#job.plan.idleTimeoutMs - TIMER_EARLY_MS;
      connection.isClosing = false;
      connection.isDoubtful = isClosing;
      // Nobody saw what was sent when the server had already said that it closes the connection.
      if (isClosing && !this.#isEnding) return request.message;
      this.#settle(connection, isClosing ? 'interrupted' : isTimeout ? 'idle-timeout' : 'reset');
    }
    if (this.#isEnding) {
      this.#close(connection);
      return {};
    }
    connection.phase = 'waiting';
    connection.request = this.#begin(connection.path);
    return connection.request.message;
  }

  #begin(base: string): Request {
    const index = this.#sent;
    this.#sent += 1;
    const { plan, seed } = this.#job;
    const talk = (workload: Parameters<typeof talkOf>[0]) => talkOf(workload, seed, index);
    const { method, path, headers, body, promptTokens } = buildRequest(plan.workload, index, this.#sender, talk);
    // Where a body could be, autocannon does not say that there is none.
    const length = body === '' && /^P/.test(method) ? { 'content-length': '0' } : {};
    const message = { method, path: base + path, headers: { ...length, ...headers }, body };
    const nothing = { status: 0, upstream: '', outputTokens: 0, firstTokenMs: null };
    return { index, sentMs: this.#now(), promptTokens, message, ...nothing };
  }

  #answering(connection: Connection, { statusCode, headers, shouldKeepAlive }: Head): void {
    const { request } = connection;
    this.#failures = 0;
    Object.assign(connection, { phase: 'answering', isClosing: !shouldKeepAlive, isDoubtful: false });
    if (!request) return;
    request.status = statusCode;
    request.upstream = headerValue(headers, 'x-squall-upstream') ?? '';
    const { workload } = this.#job.plan;
    const known = outcomeOfHead(workload, statusCode, headerValue(headers, 'content-type'));
    if (known) {
      this.#settle(connection, known);
      return;
    }
    const onEvent = (event: AnswerEvent) => this.#onEvent(connection, request, event);
    if (workload.kind === 'http') {
      request.firstTokenMs = this.#now();
      this.#tally.firstToken(request.firstTokenMs - request.sentMs, request.firstTokenMs);
      connection.reader = httpAnswerReader(workload.expect, onEvent);
    } else connection.reader = answerReader(onEvent);
  }

  #onEvent(connection: Connection, request: Request, event: AnswerEvent): void {
    if (connection.request !== request) return;
    if (event === 'token') request.outputTokens += 1;
    else if (event === 'done') this.#settle(connection, 'ok');
    else if (event === 'error') this.#settle(connection, 'truncated');
    else if (event === 'malformed') this.#settle(connection, 'malformed');
  }

  #answered(connection: Connection): void {
    if (connection.request) connection.reader?.end();
    this.#settle(connection, 'truncated');
    connection.phase = 'idle';
    if (this.#isEnding) this.#close(connection);
  }

  #failed(connection: Connection, error: Error): void {
    const outcome = outcomeOfError(error, 'connecting');
    if (connection.phase === 'answering') this.#breakOff(`An answer broke off (${error.message})`);
    else if (connection.isDoubtful && outcome === 'reset')
      this.#breakOff(`A connection failed right after another had ended (${error.message})`);
    if (connection.isClosing) return;
    connection.phase = 'idle';
    this.#settle(connection, outcome);
    this.#failures += 1;
    if (this.#failures < MAX_FAILURES) return;
    const next = 'Look into the logs of the service: is it listening?';
    const message = `${MAX_FAILURES} attempts in a row found no answer: ${error.message}`;
    this.#done.reject(new SquallError('stack', 'NOTHING_TO_PROBE', message, { next }));
    this.stop();
  }

  #breakOff(why: string): void {
    const message = `${why}, after which autocannon cannot be trusted any more`;
    const next = 'Use `load.engine: stream`, or give answers more time with `load.idleTimeout`.';
    this.#done.reject(new SquallError('stack', 'PROBE_BROKEN_OFF', message, { next }));
    this.stop();
  }

  #settle(connection: Connection, outcome: Outcome): void {
    const { request } = connection;
    if (!request) return;
    connection.request = undefined;
    const { message: _, ...facts } = request;
    const endMs = this.#now();
    const stage = rampAt(this.#job.plan.ramps, request.sentMs)?.name ?? '';
    const record = requestRecord({ ...facts, scheduledMs: request.sentMs, endMs, outcome, stage });
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
    return this.#options.clock.nowMs() - this.#job.startAtMs;
  }
}

/** What an answer comes to whatever its body says; undefined where that decides. */
function outcomeOfHead(workload: Workload, status: number, type = 'text/event-stream'): Outcome | undefined {
  if (workload.kind === 'http') return isExpectedStatus(workload.expect, status) ? undefined : 'http-status';
  if (status < 200 || status >= 300) return 'http-status';
  return type.startsWith('text/event-stream') ? undefined : 'malformed';
}

/** Of names and values in turn, names in any case. */
function headerValue(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((found, position) => position % 2 === 0 && found.toLowerCase() === name);
  return at === -1 ? undefined : headers[at + 1];
}
