import type { LoadJob } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import type { Machine } from '../../harness/host/network.ts';
import { TokenClient, type TokenEntry, tokenEntries } from '../../harness/host/token-client.ts';
import type { HttpRequest } from '../request/request.ts';
import { resolvedPlan } from '../request/secrets.ts';

/** Part of a token's life after which the next one is requested. */
const RENEW_RATIO = 0.8;
/** Wait after a request for a token that failed. The token at hand stays in use. */
const RETRY_MS = 1000;
/** Attempts to get the first token of a key. */
const FIRST_ATTEMPTS = 3;

/**
 * Signs the clients of a load in: each API key, that of the load and those of its classes, is exchanged for a token before the load begins, and
 * again before that has expired, as careful clients do, so that a token endpoint that is slow or down for a while delays no request.
 */
export class SignIn {
  readonly #machine: Machine;
  readonly #log: (line: string) => void;
  readonly #client: TokenClient;
  readonly #entries: readonly TokenEntry[];
  /** Token by API key. */
  readonly #tokens = new Map<string, string>();
  readonly #keys: readonly string[];
  readonly #stop = new AbortController();
  #attempts = 0;

  /** Undefined where the job's clients send their API keys. */
  static of(job: LoadJob, machine: Machine, log: (line: string) => void): SignIn | undefined {
    return job.login && new SignIn(job, job.login, machine, log);
  }

  private constructor(
    job: LoadJob,
    login: NonNullable<LoadJob['login']>,
    machine: Machine,
    log: (line: string) => void,
  ) {
    this.#machine = machine;
    this.#log = log;
    this.#client = new TokenClient({ login, machine, name: `${job.runId}-${job.partition?.first ?? 0}` });
    this.#entries = tokenEntries(job.targets, job);
    const classes = resolvedPlan(job.plan, process.env).clients?.classes ?? [];
    const own = keyOf(job.authorization);
    this.#keys = [...new Set([own, ...classes.map(({ key }) => key)].filter(key => key !== undefined))];
  }

  /** Gets the first token of every key. @throws SquallError `NO_TOKEN` */
  async open(): Promise<void> {
    await Promise.all(this.#keys.map(key => this.#first(key)));
  }

  /** Headers of a request with its token in place of its API key; as they are for any other credential. @param url whole */
  headers({ method, headers }: Pick<HttpRequest, 'method' | 'headers'>, url: string): HttpRequest['headers'] {
    const token = this.#tokens.get(keyOf(headers.authorization) ?? '');
    return token === undefined ? headers : { ...headers, ...this.#client.headers(token, method, url) };
  }

  /** Requests no further tokens. */
  close(): void {
    this.#stop.abort('closed');
  }

  async #first(key: string): Promise<void> {
    let failure: unknown;
    for (let attempt = 0; attempt < FIRST_ATTEMPTS; attempt += 1) {
      try {
        void this.#renew(key, RENEW_RATIO * (await this.#request(key)));
        return;
      } catch (error) {
        failure = error;
      }
    }
    const message = `Expected a token for an API key of the load, got ${messageOf(failure)}`;
    const next = 'Read the log of the gateway, or set `stack.gateway.identity` to off.';
    throw new SquallError('stack', 'NO_TOKEN', message, { next, cause: failure });
  }

  /** @returns its life in ms */
  async #request(key: string): Promise<number> {
    const entry = this.#entries[this.#attempts++ % this.#entries.length]!;
    const { text, lifeMs } = await this.#client.request(entry, key, this.#stop.signal);
    this.#tokens.set(key, text);
    return lifeMs;
  }

  async #renew(key: string, firstMs: number): Promise<void> {
    const { signal } = this.#stop;
    let waitMs = firstMs;
    for (;;) {
      await this.#machine.clock.sleep(waitMs, signal).catch(() => {});
      if (signal.aborted) return;
      try {
        waitMs = RENEW_RATIO * (await this.#request(key));
      } catch (error) {
        if (signal.aborted) return;
        this.#log(`no new token: ${messageOf(error)}`);
        waitMs = RETRY_MS;
      }
    }
  }
}

function keyOf(authorization = ''): string | undefined {
  return /^Bearer (\S+)$/.exec(authorization)?.[1];
}
