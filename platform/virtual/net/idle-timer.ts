import type { Owner, VirtualTime } from '../../../harness/virtual/virtual-time.ts';

/** Calls back after a time without activity. Activity moves its event only when that is due, for there is one read a token. */
export class IdleTimer {
  readonly #time: VirtualTime;
  readonly #owner: Owner;
  readonly #onIdle: () => void;
  #limitMs = 0;
  #activeMs = 0;
  #cancel: (() => void) | undefined;

  constructor(time: VirtualTime, owner: Owner, onIdle: () => void) {
    this.#time = time;
    this.#owner = owner;
    this.#onIdle = onIdle;
  }

  /** Starts anew with a limit in ms; 0 for none. */
  restart(limitMs: number): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#limitMs = limitMs;
    this.touch();
  }

  /** Something happened. */
  touch(): void {
    this.#activeMs = this.#time.nowMs();
    if (this.#limitMs > 0 && !this.#cancel) this.#wait();
  }

  #wait(): void {
    const leftMs = () => this.#activeMs + this.#limitMs - this.#time.nowMs();
    const due = () => {
      this.#cancel = undefined;
      if (leftMs() > 0) this.#wait();
      else this.#onIdle();
    };
    this.#cancel = this.#time.after(leftMs(), due, this.#owner);
  }
}
