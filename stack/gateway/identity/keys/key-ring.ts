import type { JWK } from 'jose';
import type { Logger } from 'pino';
import { type Clock, every } from '../../../../harness/clock.ts';
import { messageOf } from '../../../../harness/errors.ts';
import type { KeySource, LoadedKeys, VerifyingKey } from './key-source.ts';

/** Shortest interval between loads because of a `kid` that is not known, which anybody can send. */
const RELOAD_MS = 100;

interface KeyRingOptions {
  readonly clock: Clock;
  readonly log: Logger;
  /** How long a key that its source no longer has goes on verifying, in ms: the life of the tokens that it signed. */
  readonly keepMs: number;
  /** Waits for work outside this thread, see `ServiceContext`. */
  readonly settle: <T>(run: () => Promise<T>) => Promise<T>;
}

/**
 * Keys of a source, rotated without downtime: a new key signs as soon as it is loaded, other gateways load it when they see its `kid`, and one
 * that is gone verifies until the tokens that it signed have expired. While the source fails, the keys stay as they are.
 */
export class KeyRing implements Disposable {
  readonly #source: KeySource;
  readonly #options: KeyRingOptions;
  readonly #known = new Map<string, { readonly key: VerifyingKey; goneMs: number | undefined }>();
  #loaded: LoadedKeys;
  #loadedMs = Number.NEGATIVE_INFINITY;
  #loading: Promise<void> | undefined;
  #hasFailed = false;
  #stop = () => {};

  private constructor(source: KeySource, loaded: LoadedKeys, options: KeyRingOptions) {
    this.#source = source;
    this.#options = options;
    this.#loaded = loaded;
    this.#take(loaded);
  }

  /** @throws SquallError `BAD_SIGNING_KEYS` */
  static async open(source: KeySource, options: KeyRingOptions): Promise<KeyRing> {
    return new KeyRing(source, await options.settle(() => source.load()), options);
  }

  /** Starts to look for new keys. */
  start(): void {
    const { refreshMs } = this.#source;
    if (refreshMs !== undefined) this.#stop = every(this.#options.clock, refreshMs, () => void this.#reload());
  }

  [Symbol.dispose](): void {
    this.#stop();
  }

  /** Compact JWS of a payload, in JSON, by the current key. @throws SquallError `BAD_SIGNING_KEYS` where another service signs, and fails */
  sign(payload: string, typ: string): Promise<string> {
    return this.#options.settle(() => this.#loaded.sign(payload, typ));
  }

  /** Key by its `kid`; undefined for one that is unknown, or has gone for longer than tokens live. */
  get(kid: string): VerifyingKey | undefined {
    const known = this.#known.get(kid);
    const isOver = known?.goneMs !== undefined && this.#options.clock.nowMs() - known.goneMs > this.#options.keepMs;
    return isOver ? undefined : known?.key;
  }

  /** The same, and looks whether the source has it. */
  async find(kid: string): Promise<VerifyingKey | undefined> {
    const { clock } = this.#options;
    const mayLook = this.#source.refreshMs !== undefined && clock.nowMs() - this.#loadedMs >= RELOAD_MS;
    if (!this.get(kid) && (this.#loading || mayLook)) await this.#reload();
    return this.get(kid);
  }

  /** Public keys, as a JWK set. */
  published(): readonly JWK[] {
    return [...this.#known.keys()].flatMap(kid => this.get(kid)?.jwk ?? []);
  }

  #reload(): Promise<void> {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    return this.#loading;
  }

  async #load(): Promise<void> {
    const { clock, log, settle } = this.#options;
    this.#loadedMs = clock.nowMs();
    try {
      const loaded = await settle(() => this.#source.load());
      if (loaded.kid !== this.#loaded.kid) log.info({ kid: loaded.kid, was: this.#loaded.kid }, 'signing key rotated');
      this.#take(loaded);
      if (this.#hasFailed) log.info('signing keys available');
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) log.warn({ reason: messageOf(error) }, 'signing keys unavailable, the last ones stay');
      this.#hasFailed = true;
    }
  }

  #take(loaded: LoadedKeys): void {
    this.#loaded = loaded;
    const nowMs = this.#options.clock.nowMs();
    for (const key of loaded.verifying) {
      const known = this.#known.get(key.kid)?.key;
      const isSame = known && JSON.stringify(known.jwk) === JSON.stringify(key.jwk);
      this.#known.set(key.kid, { key: isSame ? known : key, goneMs: undefined });
    }
    const here = new Set(loaded.verifying.map(({ kid }) => kid));
    for (const [kid, known] of this.#known) {
      if (!here.has(kid)) known.goneMs ??= nowMs;
      if (!this.get(kid)) this.#known.delete(kid);
    }
  }
}
