import type { Step } from './engine.ts';
import { type Profile, stepWatts } from './profiles.ts';

/** Over how long utilisation and power are averaged, as a time constant: what a reader that samples once a second sees. */
const READING_MS = 1000;

/** What the board's sensors say. */
export interface GpuReading {
  /** Share of time a step was running, 0–1, averaged over about a second. */
  readonly busyShare: number;
  /** Share of time the memory bus was moving weights and KV, 0–1, averaged likewise. */
  readonly memoryShare: number;
  readonly watts: number;
  readonly celsius: number;
  readonly smClockMHz: number;
  /** Since the start, in millijoules. */
  readonly energyMillijoules: number;
}

/**
 * The board under the engine: turns the steps that ran into utilisation, power, heat and energy. Every quantity follows
 * its present level by a first-order filter, `value → level` with `1 − exp(−Δt/τ)`, so a reading does not depend on who
 * else reads. Takes time as an argument and keeps none of its own.
 *
 * Not simulated: throttling when hot, Xid errors, sharing the board (MPS, MIG).
 */
export class Gpu {
  readonly #profile: Profile;
  #atMs: number;
  #step: { endMs: number; watts: number; memoryShare: number } | undefined;
  #busyShare = 0;
  #memoryShare = 0;
  #watts: number;
  #celsius: number;
  #energyMillijoules = 0;

  constructor(profile: Profile, nowMs: number) {
    this.#profile = profile;
    this.#atMs = nowMs;
    this.#watts = profile.power.idleWatts;
    this.#celsius = this.#steadyCelsius(this.#watts);
  }

  /** A step starts; the one before it is over. */
  started(step: Step): void {
    this.#advance(step.startMs);
    const { baseMs, perKvTokenMs } = this.#profile.step;
    this.#step = {
      endMs: step.startMs + step.durationMs,
      watts: stepWatts(this.#profile, step.durationMs),
      memoryShare: Math.min(1, (baseMs + perKvTokenMs * step.kvTokens) / step.durationMs),
    };
  }

  /** The sensors at `nowMs`, which must not go backwards. */
  read(nowMs: number): GpuReading {
    this.#advance(nowMs);
    const { idleClockMHz, busyClockMHz } = this.#profile.power;
    return {
      busyShare: this.#busyShare,
      memoryShare: this.#memoryShare,
      watts: this.#watts,
      celsius: this.#celsius,
      smClockMHz: this.#busyShare > 0.01 ? busyClockMHz : idleClockMHz,
      energyMillijoules: this.#energyMillijoules,
    };
  }

  #advance(nowMs: number): void {
    if (this.#step) {
      this.#spend(Math.min(nowMs, this.#step.endMs), 1, this.#step.memoryShare, this.#step.watts);
      if (nowMs < this.#step.endMs) return;
      this.#step = undefined;
    }
    this.#spend(nowMs, 0, 0, this.#profile.power.idleWatts);
  }

  #spend(untilMs: number, busy: number, memory: number, watts: number): void {
    const elapsedMs = untilMs - this.#atMs;
    if (elapsedMs <= 0) return;
    const reading = 1 - Math.exp(-elapsedMs / READING_MS);
    const thermal = 1 - Math.exp(-elapsedMs / this.#profile.power.thermalMs);
    this.#busyShare += (busy - this.#busyShare) * reading;
    this.#memoryShare += (memory - this.#memoryShare) * reading;
    this.#watts += (watts - this.#watts) * reading;
    this.#celsius += (this.#steadyCelsius(watts) - this.#celsius) * thermal;
    this.#energyMillijoules += watts * elapsedMs;
    this.#atMs = untilMs;
  }

  #steadyCelsius(watts: number): number {
    return this.#profile.power.ambientCelsius + this.#profile.power.celsiusPerWatt * watts;
  }
}
