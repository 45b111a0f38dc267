/** Proofs that are kept at most: 1,600 a second for a minute. */
const MAX_PROOFS = 100_000;

/** Proofs that this gateway has seen, each until it would be too old anyway. All have the same life, so the first one is the oldest. */
export class UsedProofs {
  readonly #untilMs = new Map<string, number>();

  /**
   * Notes the use of a proof until `untilMs`.
   * @returns whether it is the first one; `full` where nothing more can be kept, so that it is unknown
   */
  use(proof: string, nowMs: number, untilMs: number): boolean | 'full' {
    for (const [oldest, itsMs] of this.#untilMs) {
      if (itsMs > nowMs) break;
      this.#untilMs.delete(oldest);
    }
    if (this.#untilMs.has(proof)) return false;
    if (this.#untilMs.size >= MAX_PROOFS) return 'full';
    this.#untilMs.set(proof, untilMs);
    return true;
  }
}
