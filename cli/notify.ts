import { type Command, Option } from 'commander';
import { systemClock } from '../harness/clock.ts';
import { messageOf, SquallError } from '../harness/errors.ts';
import { formatMs } from '../harness/quantity.ts';
import { errorMessage, type Message, slackMessage } from '../reports/render/message.ts';
import type { ResultMetrics } from '../reports/render/metrics/families.ts';
import { otlpMetrics } from '../reports/render/metrics/otlp.ts';
import { EXIT, exitCodeOf } from './exit.ts';
import { say } from './terminal.ts';

/** Options of commands that tell others what they found. */
export interface NotifyOptions {
  readonly webhook?: string;
  readonly webhookFormat: 'json' | 'slack';
  readonly otlp?: string;
}

/** Tells others about results. Whatever fails is a warning on stderr: the verdict is that of the run. */
export interface Notify {
  /** @param metrics sent to `--otlp`, with the time of now, since that of virtual time is another. @default none */
  send(message: Message, metrics?: ResultMetrics): Promise<void>;
  /** Tells of a run of this name that could not be carried out. */
  failed(name: string, error: unknown, signal: AbortSignal): Promise<void>;
}

const VARIABLE = 'SQUALL_WEBHOOK';
/** In ms: for each attempt, and between the first and the second. */
interface Limits {
  readonly timeoutMs: number;
  readonly retryAfterMs: number;
}

const LIMITS: Limits = { timeoutMs: 10_000, retryAfterMs: 1000 };

/** Adds `--webhook`, `--webhook-format` and `--otlp`. */
export function withNotify(command: Command): Command {
  return command
    .option(
      '--webhook <url>',
      `post the result there. Such a URL is a secret, and other users see command lines, so better in the environment (default: ${VARIABLE})`,
    )
    .addOption(new Option('--webhook-format <format>', 'its body').choices(['json', 'slack']).default('json'))
    .option(
      '--otlp <url>',
      'send the results as metrics to this OpenTelemetry collector, as OTLP over HTTP; headers from OTEL_EXPORTER_OTLP_HEADERS',
    );
}

/** Where results go. */
interface Destination {
  /** In words, for a warning. */
  readonly what: string;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Checks where results go, before anything runs. The webhook leaves the environment, so that no service that is started has it.
 * @param env variables of this process
 * @throws SquallError `BAD_URL`, which does not quote the URL, or `BAD_HEADERS`
 */
export function notifyOf(
  { webhook, webhookFormat, otlp }: NotifyOptions,
  env: NodeJS.ProcessEnv,
  limits = LIMITS,
): Notify {
  const hook = urlOf(webhook ?? env[VARIABLE], webhook === undefined ? VARIABLE : '--webhook');
  delete env[VARIABLE];
  const endpoint = urlOf(otlp, '--otlp');
  const collector = endpoint && {
    what: 'OpenTelemetry collector',
    url: metricsUrlOf(endpoint),
    headers: headersOf(env.OTEL_EXPORTER_OTLP_HEADERS),
  };
  const send = async (message: Message, metrics?: ResultMetrics) => {
    const body = webhookFormat === 'slack' ? slackMessage(message) : message;
    await Promise.all([
      hook && post({ what: 'webhook', url: hook }, body, limits),
      collector && metrics && post(collector, otlpMetrics({ ...metrics, atMs: systemClock.date().getTime() }), limits),
    ]);
  };
  return {
    send,
    async failed(name, error, signal) {
      const exitCode = signal.aborted ? EXIT.interrupted : exitCodeOf(error);
      await send(errorMessage(name, exitCode, messageOf(error), linkOf(env)));
    },
  };
}

/** Page of the job of CI that runs this, if any. @param env variables of GitHub or GitLab */
export function linkOf(env: NodeJS.ProcessEnv): Pick<Message, 'link'> {
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository, GITHUB_RUN_ID: run, CI_JOB_URL } = env;
  const link = server && repository && run ? `${server}/${repository}/actions/runs/${run}` : CI_JOB_URL;
  return link ? { link } : {};
}

/** Sends JSON, again once where that may help. */
async function post(to: Destination, body: object, limits: Limits): Promise<void> {
  for (const isLast of [false, true]) {
    const { reason, mayHelp } = await attempt(to, body, limits);
    if (reason === undefined) return;
    if (isLast || !mayHelp)
      return say(process.stderr, `squall: the ${to.what} at ${to.url.host} did not take the result: ${reason}`);
    await systemClock.sleep(limits.retryAfterMs);
  }
}

/** @returns why it was not taken, and whether another attempt may help */
async function attempt(
  { url, headers }: Destination,
  body: object,
  { timeoutMs }: Limits,
): Promise<{ readonly reason?: string | undefined; readonly mayHelp: boolean }> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      // Elsewhere nobody was asked to read it.
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    const { ok, status } = response;
    const text = await response.text();
    if (ok) return { reason: rejectedBy(text), mayHelp: false };
    return {
      reason: `HTTP ${status}${status >= 300 && status < 400 ? ', and redirections are not followed' : ''}`,
      mayHelp: status === 408 || status === 429 || status >= 500,
    };
  } catch (error) {
    if (error instanceof Error && error.name === 'TimeoutError')
      return { reason: `no response within ${formatMs(timeoutMs)}`, mayHelp: true };
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { reason: messageOf(cause), mayHelp: true };
  }
}

/** A URL whose credentials `fetch` would refuse. */
function urlOf(text: string | undefined, option: string): URL | undefined {
  if (text === undefined || text === '') return undefined;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const found = url === undefined ? 'something else' : url.username || url.password ? 'one with a user' : url.protocol;
  if (url && found === url.protocol && /^https?:$/.test(url.protocol)) return url;
  throw new SquallError(
    'option',
    'BAD_URL',
    `Expected ${option} to be a URL of http or https without a user, got ${found}`,
    {
      next: 'Give the whole URL, such as https://hooks.example/1.',
    },
  );
}

/** The endpoint of a collector, or that of its metrics itself. */
function metricsUrlOf(collector: URL): URL {
  const url = new URL(collector);
  if (!url.pathname.endsWith('/v1/metrics')) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/metrics`;
  return url;
}

/** `name=value,…`, values percent-encoded (https://opentelemetry.io/docs/specs/otel/protocol/exporter/). */
function headersOf(text = ''): Record<string, string> {
  try {
    const pairs = text.split(',').flatMap(pair => {
      const [name = '', ...value] = pair.split('=');
      return name.trim() === '' ? [] : [[name.trim(), decodeURIComponent(value.join('=').trim())] as const];
    });
    return Object.fromEntries(new Headers(Object.fromEntries(pairs)));
  } catch {
    const message =
      'Expected OTEL_EXPORTER_OTLP_HEADERS to be name=value,… with percent-encoded values, got something else';
    throw new SquallError('option', 'BAD_HEADERS', message, { next: 'Correct the variable.' });
  }
}

/** What a collector says about data of which it took a part only. */
function rejectedBy(text: string): string | undefined {
  const [, rejected] = /"rejectedDataPoints"\s*:\s*"?(\d+)/.exec(text) ?? [];
  const [, why = ''] = /"errorMessage"\s*:\s*"([^"]*)/.exec(text) ?? [];
  return Number(rejected ?? 0) > 0 ? `it rejected ${rejected} values${why && `: ${why}`}` : undefined;
}
