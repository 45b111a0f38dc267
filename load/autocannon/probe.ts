import autocannon, { type Client, type Head } from 'autocannon';
import { rampAt } from '../../harness/arrivals/arrivals.ts';
import type { Clock } from '../../harness/clock.ts';
import type { LoadProgress } from '../../harness/contracts.ts';
import { SquallError } from '../../harness/errors.ts';
import { isStreamed } from '../../harness/plan.ts';
import { type Outcome, requestRecord } from '../../harness/requests.ts';
import type { PromptRow } from '../request/prompt.ts';
import { readAllPrompts } from '../request/prompts-file.ts';
import { buildRequest, type Sender } from '../request/request.ts';
import { resolvedPlan } from '../request/secrets.ts';
import { Notes } from '../stream/response/notes.ts';
import { isExpectedStatus } from '../stream/response/plain-reader.ts';
import { RequestNotes } from '../stream/response/request-notes.ts';
import { Response } from '../stream/response/response.ts';
import { tally } from '../stream/tally.ts';
import { headerValue } from '../stream/wire/connection.ts';
import { outcomeOfError } from '../stream/wire/failure.ts';
import type { Journal } from '../worker/journal.ts';
import type { TimedJob } from '../worker/load-process.ts';

/** Consecutive failures without the beginning of a response that end the probe: autocannon retries at once. */
const MAX_FAILURES = 2000;
/** Node's timers count whole milliseconds and may fire up to one early. */
const TIMER_EARLY_MS = 1;

interface Request {
  readonly index: number;
  readonly sentMs: number;
  readonly promptTokens: number;
  readonly message: object;
  readonly notes: RequestNotes;
  response: Response | undefined;
  firstTokenMs: number | null;
  isSettled: boolean;
}

/** Connection of autocannon, and the request on it. */
interface Connection {
  readonly client: Client;
  readonly path: string;
  phase: 'idle' | 'waiting' | 'receiving';
  /** Undefined once its outcome is known, even while the rest of its response arrives. */
  request: Request | undefined;
  /** The request whose response arrives. */
  receiving: Request | undefined;
  /** The server announced to close the connection after the last response; autocannon still sends on it. */
  isClosing: boolean;
  /** The connection was closed as announced and replaced; an error may be that of the previous socket. */
  isDoubtful: boolean;
}

/**
 * Closed loop by autocannon: each connection sends as soon as its response is complete. Without a schedule, `scheduledMs` of a
 * request is its `sentMs`: a service that stalls also stalls its probe, which flatters latencies under load. A probe shows the
 * maximum throughput of a service, not what users would see at that rate.
 *
 * autocannon reports heads, bodies, ends and failed connections. Its latencies are whole milliseconds, so responses are timed here.
 *
 * | event | outcome |
 * |---|---|
 * | complete response | as with the streaming client |
 * | connection failed, or reset before the response | `connection-refused`, `reset`, `dropped` |
 * | connection closed before the response | `reset` |
 * | no complete response within `idleTimeoutMs` | `idle-timeout`, even without a connection |
 * | response incomplete, or ended only by its connection | none: the probe fails |
 * | reset before the first response after a connection closed as announced | none: the probe fails |
 *
 * In the last two cases autocannon can assign responses to the wrong requests: it continues to parse where an incomplete response
 * ended, and has two sockets after an error of one that it had replaced. Unsupported are TLS (it trusts any certificate) and HEAD
 * (it waits for a body). It ignores a response that is not HTTP and all that follow, which become `reset` or `idle-timeout`, and
 * mistakes an informational response (1xx) for the final one.
 */
export class Probe {
  readonly #job: TimedJob;
  readonly #clock: Clock;
  readonly #journal: Pick<Journal, 'append'>;
  readonly #sender: Sender;
  readonly #rows: readonly PromptRow[] | undefined;
  readonly #connections: Connection[] = [];
  readonly #tally = tally();
  readonly #notes = new Notes();
  readonly #done = Promise.withResolvers<void>();
  #sent = 0;
  #failures = 0;
  #isEnding = false;

  constructor(job: TimedJob, clock: Clock, journal: Pick<Journal, 'append'>) {
    const { runId, seed, authorization, origin } = job;
    const plan = resolvedPlan(job.plan, process.env);
    this.#job = { ...job, plan };
    this.#rows = readAllPrompts(plan)(plan.workload);
    this.#clock = clock;
    this.#journal = journal;
    const host = origin === undefined ? undefined : new URL(origin).host;
    const { salt, body, headers } = plan;
    this.#sender = { runId, seed, salt, body, headers, authorization, host };
  }

  /**
   * Resolves after the end of the plan, when the last response is complete.
   * @throws SquallError `NOTHING_TO_PROBE` if no request gets a response, `PROBE_UNRELIABLE` after an event that leaves autocannon
   * unreliable
   */
  async run(): Promise<void> {
    const { plan, targets, startAtMs } = this.#job;
    const beginMs = plan.ramps[0]?.fromMs ?? 0;
    const endMs = plan.ramps.at(-1)?.toMs ?? 0;
    await this.#clock.sleep(startAtMs + beginMs - this.#clock.nowMs());
    if (this.#isEnding) return;
    const instance = autocannon({
      url: targets,
      connections: plan.connections ?? 1,
      // autocannon checks its duration once a second, so the probe ends itself.
      duration: (endMs - beginMs) / 1000 + 3600,
      timeout: plan.idleTimeoutMs / 1000,
      setupClient: client => this.#attach(client),
    });
    instance.on('error', this.#done.reject);
    await this.#done.promise.finally(this.#clock.after(startAtMs + endMs - this.#clock.nowMs(), () => this.#end()));
  }

  /** Number of requests so far. */
  get requests(): number {
    return this.#sent;
  }

  progress(): LoadProgress {
    const inFlight = this.#connections.filter(({ request }) => request).length;
    return { ...this.#tally.progress(this.#now(), inFlight), notes: this.#notes.list() };
  }

  /** Interrupts the requests in flight; {@link run} then resolves. */
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
      receiving: undefined,
      isClosing: false,
      isDoubtful: false,
    };
    this.#connections.push(connection);
    client.on('headers', head => this.#onHead(connection, head));
    client.on('body', bytes => connection.receiving?.response?.feed(bytes, this.#now()));
    client.on('response', () => this.#onEnd(connection));
    client.on('connError', error => this.#onError(connection, error));
    client.setRequests([{ setupRequest: defaults => ({ ...defaults, ...this.#next(connection) }) }]);
  }

  /** Next request of a connection. */
  #next(connection: Connection): object {
    const { phase, request, isClosing } = connection;
    if (phase === 'receiving') this.#fail('A response was ended only by its connection, or by the timeout');
    if (phase === 'waiting' && request) {
      const isTimeout = this.#now() - request.sentMs >= this.#job.plan.idleTimeoutMs - TIMER_EARLY_MS;
      connection.isClosing = false;
      connection.isDoubtful = isClosing;
      // The server had announced to close the connection, so it never read the request.
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
    const { method, path, headers, body, promptTokens } = buildRequest(this.#job.plan.workload, index, this.#sender, {
      ...{ session: index, turn: 0 },
      source: { rows: this.#rows },
    });
    // Unlike the other engines, autocannon sends no length of 0.
    const length = body === '' && /^P/.test(method) ? { 'content-length': '0' } : {};
    const message = { method, path: base + path, headers: { ...length, ...headers }, body };
    const notes = new RequestNotes(this.#notes, headers);
    const nothing = { response: undefined, firstTokenMs: null, isSettled: false };
    return { index, sentMs: this.#now(), promptTokens, message, notes, ...nothing };
  }

  #onHead(connection: Connection, { statusCode, headers, shouldKeepAlive }: Head): void {
    const { request } = connection;
    this.#failures = 0;
    Object.assign(connection, { phase: 'receiving', isClosing: !shouldKeepAlive, isDoubtful: false });
    if (!request) return;
    connection.receiving = request;
    const { workload, upstreamHeader } = this.#job.plan;
    const expect = workload.kind === 'http' ? workload.expect : null;
    const isExpected = isExpectedStatus(expect, statusCode);
    const header = (name: string) => headerValue(headers, name);
    const head = {
      status: statusCode,
      header,
      isExpected,
      expect,
      stream: isStreamed(workload),
      requestHeaders: {},
      upstreamHeader,
    };
    request.response = new Response(head, {
      bytes() {},
      token() {},
      ended: (outcome, why) => this.#settle(connection, outcome, why, request),
    });
    if (!isExpected) this.#settle(connection, 'http-status');
    else if (expect) {
      request.firstTokenMs = this.#now();
      this.#tally.firstToken(request.firstTokenMs - request.sentMs, request.firstTokenMs);
    }
  }

  #onEnd(connection: Connection): void {
    const { receiving } = connection;
    connection.receiving = undefined;
    connection.request = undefined;
    connection.phase = 'idle';
    receiving?.response?.end(() => {
      this.#settle(connection, 'truncated', undefined, receiving);
      receiving.notes.ended(receiving.response);
      if (this.#isEnding) this.#close(connection);
    });
  }

  #onError(connection: Connection, error: Error): void {
    const outcome = outcomeOfError(error, 'connecting');
    if (connection.phase === 'receiving') this.#fail(`A response was incomplete (${error.message})`);
    else if (connection.isDoubtful && outcome === 'reset')
      this.#fail(`A connection failed right after the previous one had ended (${error.message})`);
    if (connection.isClosing) return;
    connection.phase = 'idle';
    this.#settle(connection, outcome, error.message);
    this.#failures += 1;
    if (this.#failures < MAX_FAILURES) return;
    const next = 'Check in the logs of the service whether it is listening.';
    const message = `${MAX_FAILURES} consecutive requests got no response: ${error.message}`;
    this.#done.reject(new SquallError('stack', 'NOTHING_TO_PROBE', message, { next }));
    this.stop();
  }

  #fail(why: string): void {
    const message = `${why}, after which autocannon is unreliable`;
    const next = 'Use `load.engine: stream`, or increase `load.idleTimeout`.';
    this.#done.reject(new SquallError('stack', 'PROBE_UNRELIABLE', message, { next }));
    this.stop();
  }

  /** @param request its own, until its outcome is known */
  #settle(connection: Connection, outcome: Outcome, why?: string, request = connection.request): void {
    if (!request || request.isSettled) return;
    request.isSettled = true;
    if (connection.request === request) connection.request = undefined;
    const { index, sentMs, promptTokens, firstTokenMs, response, notes } = request;
    const endMs = this.#now();
    const stage = rampAt(this.#job.plan.ramps, sentMs)?.name ?? '';
    // It hands over bodies in pieces of its own, so what they tell of times is left out.
    const { gaps: _, lastTokenMs: __, reads: ___, ...facts } = response?.facts ?? {};
    const times = { scheduledMs: sentMs, sentMs, firstTokenMs, endMs };
    const record = requestRecord({ index, ...times, outcome, promptTokens, stage, ...facts });
    this.#journal.append(record);
    this.#tally.settled(record, endMs);
    notes.settled(record, response, why);
  }

  /** Stops sending; each connection closes after its response. */
  #end(): void {
    this.#isEnding = true;
    for (const connection of this.#connections) if (!connection.request) this.#close(connection);
  }

  #close({ client }: Connection): void {
    client.destroy();
    if (this.#connections.every(({ request }) => !request)) this.#done.resolve();
  }

  #now(): number {
    return this.#clock.nowMs() - this.#job.startAtMs;
  }
}
