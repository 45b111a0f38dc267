import { type Clock, withLimit } from '../../harness/clock.ts';
import type { RunningStack } from '../../harness/contracts.ts';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { exchange, TokenClient, type TokenEntry, tokenEntries } from '../../harness/host/token-client.ts';
import type { AttackOutcome } from '../../harness/requests.ts';

/** Interval between two requests of an intruder, in ms; each goes to the next entry. */
const EVERY_MS = 50;
/** Limit of one of them. */
const LIMIT_MS = 1000;
const PATH = '/v1/models';

/** Headers of a request of somebody who must be refused. @param entry that it goes to */
export type ForgeHeaders = (entry: TokenEntry) => Readonly<Record<string, string>>;

/** Somebody with a token, at every entry of a stack. */
export interface Caller {
  readonly client: TokenClient;
  readonly entries: readonly TokenEntry[];
  readonly token: string;
  /** Whole URL of what it requests, at an entry. */
  urlOf(entry: TokenEntry): string;
  /** Sends one request. @returns its status; 0 without a response in time @throws the signal's reason on abort */
  send(entry: TokenEntry, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<number>;
}

/**
 * Gets a token for an API key, as clients of the stack do.
 * @param name begins the ids of its proofs, and must be its own
 * @throws SquallError `NO_TOKEN`
 */
export async function signIn(
  { stack, clock }: { readonly stack: RunningStack; readonly clock: Clock },
  apiKey: string,
  name: string,
  signal: AbortSignal,
): Promise<Caller> {
  const { entries: targets, entryCertificate, login, network } = stack;
  const next = 'Set `stack.gateway.identity`, and use the key of a class of `load.clients.classes`.';
  if (!login)
    throw new SquallError('fault', 'NO_TOKEN', 'Expected a stack with tokens, got one with API keys', { next });
  const machine = { clock, network };
  const client = new TokenClient({ login, machine, name });
  const entries = tokenEntries(targets, { ...stack, authority: entryCertificate?.authority });
  const { text: token } = await client.request(entries[0]!, apiKey, signal).catch(error => {
    signal.throwIfAborted();
    throw new SquallError('fault', 'NO_TOKEN', `Expected a token for the API key, got ${messageOf(error)}`, { next });
  });
  return {
    ...{ client, entries, token },
    urlOf: ({ origin }) => origin + PATH,
    async send(entry, headers, within) {
      try {
        const request = { method: 'GET', path: PATH, headers };
        return await withLimit(
          LIMIT_MS,
          within,
          async limited => (await exchange(machine, entry, { ...request, signal: limited })).status,
          clock,
        );
      } catch {
        within.throwIfAborted();
        return 0;
      }
    },
  };
}

/** Requests of an intruder so far. */
export interface Intrusion {
  /** Time of the last one that was accepted, and of the first one that was refused, since it began; undefined for none. */
  readonly acceptedMs: number | undefined;
  readonly refusedMs: number | undefined;
  readonly outcome: AttackOutcome;
}

/** Sends requests that must be refused, to every entry in turn, until it is stopped. */
export class Intruder {
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  #ended = 0;
  #rejected = 0;
  #violations = 0;
  #acceptedMs: number | undefined;
  #refusedMs: number | undefined;

  /** @param fromMs time since its start from which each must be refused: those before are not judged */
  constructor(caller: Caller, forge: ForgeHeaders, clock: Clock, fromMs = 0) {
    this.#done = this.#run(caller, forge, clock, fromMs);
    this.#done.catch(() => {});
  }

  /** What it has seen. */
  get seen(): Intrusion {
    const outcome = { ended: this.#ended, rejected: this.#rejected, violations: this.#violations };
    return { acceptedMs: this.#acceptedMs, refusedMs: this.#refusedMs, outcome };
  }

  /** Ends it, once the request in flight has ended. */
  async stop(): Promise<void> {
    this.#stop.abort('stopped');
    await this.#done.catch(() => {});
  }

  async #run(caller: Caller, forge: ForgeHeaders, clock: Clock, fromMs: number): Promise<void> {
    const startMs = clock.nowMs();
    const { signal } = this.#stop;
    for (let nth = 0; !signal.aborted; nth += 1) {
      const entry = caller.entries[nth % caller.entries.length]!;
      const sentMs = clock.nowMs() - startMs;
      const status = await caller.send(entry, forge(entry), signal);
      const isRefused = status >= 400 && status < 500;
      if (isRefused) this.#refusedMs ??= sentMs;
      if (status >= 200 && status < 300) this.#acceptedMs = sentMs;
      if (sentMs >= fromMs) {
        this.#ended += 1;
        if (isRefused) this.#rejected += 1;
        else this.#violations += 1;
      }
      await clock.sleep(EVERY_MS, signal).catch(() => {});
    }
  }
}
