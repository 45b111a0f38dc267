/**
 * Script that k6 runs for Squall. It reads the plan from the file `SQUALL_PLAN`, prompts of a file from `SQUALL_PROMPTS`, and the
 * `Authorization` header from the variable `SQUALL_AUTHORIZATION`. `SQUALL_CLIENT_CERT` and `SQUALL_CLIENT_KEY` are the files of a client
 * certificate, if there is one.
 *
 * With `SQUALL_CONTROL`, the URL of a collector on this machine, it compares k6's clock with the collector's and begins at the
 * collector's signal. Without it, as in a cluster, it begins at once.
 *
 * Each request is logged in two lines (`lines.ts`). k6's own metrics are not used.
 */
import { sleep } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http, { type Response } from 'k6/http';
import type { Options, Scenario } from 'k6/options';
import { maxUsers } from '../../../harness/arrivals/closed.ts';
import { isStreamed } from '../../../harness/plan.ts';
import type { PromptRow } from '../../request/prompt.ts';
import { buildRequest } from '../../request/request.ts';
import { resolvedPlan } from '../../request/secrets.ts';
import { upstreamOf } from '../../request/upstream.ts';
import { isExpectedBody, readCompletion } from '../../request/whole-body.ts';
import { isExpectedStatus } from '../../stream/response/plain-reader.ts';
import { Users } from '../../stream/users.ts';
import { formatLine, type K6Response } from '../lines.ts';
import { k6Ramp } from '../stages.ts';
import type { ScriptPlan } from './plan.ts';

const plan: ScriptPlan = resolvedPlan(JSON.parse(open(__ENV.SQUALL_PLAN ?? 'plan.json')), __ENV);
const control = __ENV.SQUALL_CONTROL;
const { SQUALL_CLIENT_CERT: certificate, SQUALL_CLIENT_KEY: key } = __ENV;
const { first, step } = plan.partition;
/** Prompts of a file, one copy for all virtual users. */
const rows =
  plan.workload.kind !== 'http' && plan.workload.prompts
    ? new SharedArray<PromptRow>('prompts', () => JSON.parse(open(__ENV.SQUALL_PROMPTS ?? 'prompts.json')))
    : undefined;
const sender = { ...plan, authorization: __ENV.SQUALL_AUTHORIZATION ?? '' };
const expect = plan.workload.kind === 'http' ? plan.workload.expect : null;
/** Kinds of failures that this virtual user has reported. */
const told = new Set<string>();
/** Bodies without an expected text need not be decoded. */
const responseType = expect?.bodyContains === null ? 'binary' : 'text';
const COMPARISONS = 8;
/** Users begin a little early, and k6 requires at least a second. */
const SPARE_MS = 1000;

/** k6's options: the executor of the plan's loop, and the time limit for requests in flight at its end. */
export const options: Options = {
  scenarios: {
    load: { ...(plan.thinkTimeMs ? closedLoop() : openLoop()), gracefulStop: `${plan.timeoutMs + 10_000}ms` },
  },
  setupTimeout: '10m',
  teardownTimeout: '10s',
  maxRedirects: 0,
  // The collector does not read tags.
  ...(control ? { systemTags: [] } : {}),
  ...(plan.hosts ? { hosts: plan.hosts } : {}),
  ...(plan.insecure ? { insecureSkipTLSVerify: true } : {}),
  ...(certificate && key ? { tlsAuth: [{ cert: open(certificate), key: open(key) }] } : {}),
  // For a pod, the operator sets the segment.
  ...(step > 1 ? executionSegment() : {}),
};

/**
 * Open loop: one virtual user per request that may be in flight, all started in advance. A partition is one of `step` equal execution
 * segments; k6 takes that part of its options, and distributes arrivals round-robin only if virtual users divide evenly.
 */
function openLoop(): Scenario {
  const { startRate, stages } = k6Ramp(plan.ramps);
  return {
    executor: 'ramping-arrival-rate',
    startRate,
    timeUnit: '1h',
    stages: stages.map(({ target, durationMs }) => ({ target, duration: `${durationMs}ms` })),
    preAllocatedVUs: plan.maxInFlight * step,
    maxVUs: plan.maxInFlight * step,
  };
}

/**
 * Closed loop: one iteration per user, which lasts as long as the load. `ramping-vus` would suspend users in the middle of a think
 * time and resume them there; these users arrive and leave like those of the streaming client.
 */
function closedLoop(): Scenario {
  const { fromMs = 0 } = plan.ramps[0] ?? {};
  const { toMs = 0 } = plan.ramps.at(-1) ?? {};
  return {
    executor: 'per-vu-iterations',
    exec: 'runUser',
    vus: maxUsers(plan.ramps),
    iterations: 1,
    maxDuration: `${Math.ceil(toMs - fromMs) + SPARE_MS}ms`,
  };
}

function executionSegment(): Options {
  const bounds = Array.from({ length: step + 1 }, (_, index) => `${index}/${step}`);
  return { executionSegment: `${bounds[first]}:${bounds[first + 1]}`, executionSegmentSequence: bounds.join(',') };
}

interface Setup {
  /** Start of the run on k6's clock. */
  readonly startAtMs: number;
}

/** Compares clocks, then waits for the collector's signal to begin. */
export function setup(): Setup {
  if (!control) return { startAtMs: exec.instance.currentTestRunDuration - (plan.ramps[0]?.fromMs ?? 0) };
  let nearest = { roundTripMs: Number.POSITIVE_INFINITY, offsetMs: 0 };
  for (let i = 0; i < COMPARISONS; i += 1) {
    const beforeMs = exec.instance.currentTestRunDuration;
    const theirs = Number(http.get(`${control}/clock`).body);
    const afterMs = exec.instance.currentTestRunDuration;
    const roundTripMs = afterMs - beforeMs;
    if (roundTripMs < nearest.roundTripMs) nearest = { roundTripMs, offsetMs: theirs - (beforeMs + afterMs) / 2 };
  }
  return { startAtMs: Number(http.post(`${control}/begin`, JSON.stringify(nearest), { timeout: '10m' }).body) };
}

/** Iteration of an open loop: one request. */
export default function sendOne(): void {
  send(exec.scenario.iterationInTest, null);
}

/** Iteration of a closed loop: all requests of a user. */
export function runUser({ startAtMs }: Setup): void {
  const users = new Users({ ...plan, thinkTimeMs: plan.thinkTimeMs! });
  const user = exec.vu.idInTest;
  let dueMs = users.firstMs(user);
  for (let request = user - 1; dueMs !== null; request += maxUsers(plan.ramps)) {
    sleepUntil(startAtMs + dueMs);
    dueMs = users.nextMs(user, send(request, startAtMs + dueMs) - startAtMs);
  }
}

function sleepUntil(atMs: number): void {
  const leftMs = () => atMs - exec.instance.currentTestRunDuration;
  while (leftMs() > 0) sleep(leftMs() / 1000);
}

/** @returns end of the response on k6's clock */
function send(iteration: number, dueMs: number | null): number {
  try {
    const { method, path, headers, body, promptTokens } = buildRequest(plan.workload, iteration, sender, {
      ...{ session: iteration, turn: 0 },
      source: { rows },
    });
    const url = `${plan.targets[iteration % plan.targets.length]}${path}`;
    const atMs = exec.instance.currentTestRunDuration;
    console.log(formatLine({ type: 'start', iteration, atMs, promptTokens, dueMs }));
    const response = http.request(method, url, body || null, { headers, timeout: plan.timeoutMs, responseType });
    const endMs = exec.instance.currentTestRunDuration;
    console.log(formatLine({ type: 'end', iteration, atMs: endMs, ...readResponse(response, endMs) }));
    return endMs;
  } catch (error) {
    // Otherwise k6 would log the error, count the iteration as complete and continue.
    exec.test.abort(String(error));
    throw error;
  }
}

/** Notifies the collector while the usage of k6 can still be read. */
export function teardown(): void {
  if (control) http.post(`${control}/end`);
}

/** Name of a header as k6 has it: `X-Served-By`. */
function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, start => start.toUpperCase());
}

function readResponse(response: Response, endMs: number): K6Response {
  const { status, error, timings } = response;
  const unread = { body: '', outputTokens: 0, firstByteMs: null } as const;
  const read = isExpectedStatus(expect, status) ? readBody(response, endMs) : unread;
  const kind = read.body || String(status);
  const isNews = status > 0 && kind !== 'ok' && !told.has(kind);
  if (isNews) told.add(kind);
  return {
    status,
    errorCode: response.error_code,
    error,
    isSent: timings.sending > 0 || timings.waiting > 0,
    upstream: upstreamOf(name => response.headers[canonical(name)], plan.upstreamHeader),
    ...(isNews && { said: { text: beginningOf(response.body), headers: response.headers } }),
    ...read,
  };
}

/** As much of a body as a report can show. */
function beginningOf(body: unknown): string {
  return typeof body === 'string' ? body.slice(0, 2048) : '';
}

/** Reads the body of a response with the right status. */
function readBody(response: Response, endMs: number): Pick<K6Response, 'body' | 'outputTokens' | 'firstByteMs'> {
  const body = (response.body ?? '') as string | ArrayBuffer;
  if (!expect) {
    const expected = { stream: isStreamed(plan.workload), contentType: response.headers['Content-Type'] };
    return { ...readCompletion(expected, body as string), firstByteMs: null };
  }
  return {
    body: isExpectedBody(expect, body) ? 'ok' : 'malformed',
    outputTokens: 0,
    firstByteMs: endMs - response.timings.receiving,
  };
}
