import type { Step } from './engine.ts';
import { type Profile, stepWatts } from './profiles.ts';

/** Time constant over which utilization and power are averaged, matching a reader that samples once a second. */
const AVERAGING_MS = 1000;

/** Sensor readings of the board. */
interface GpuReading {
  /** Fraction of time a step was running, 0–1, averaged over about a second. */
  readonly busyRatio: number;
  /** Fraction of time the memory bus was busy with weights and KV, 0–1, averaged likewise. */
  readonly memoryRatio: number;
  readonly watts: number;
  readonly celsius: number;
  readonly smClockMHz: number;
  /** Total since start. */
  readonly energyMillijoules: number;
}

/**
 * Model of the GPU board: derives utilization, power, temperature and energy from the executed steps. Every quantity follows its
 * current level through a first-order filter, `value → level` with `1 − exp(−Δt/τ)`, so a reading does not depend on other
 * readings. Reads no clock.
 *
 * Not simulated: thermal throttling, Xid errors, sharing of the board (MPS, MIG).
 */
export class Gpu {
  readonly #profile: Profile;
  #atMs: number;
  #step: { endMs: number; watts: number; memoryRatio: number } | undefined;
  #busyRatio = 0;
  #memoryRatio = 0;
  #watts: number;
  #celsius: number;
  #energyMillijoules = 0;

  constructor(profile: Profile, nowMs: number) {
    this.#profile = profile;
    this.#atMs = nowMs;
    this.#watts = profile.power.idleWatts;
    this.#celsius = this.#steadyCelsius(this.#watts);
  }

  /** Starts a step, which ends the previous one. */
  startStep(step: Step): void {
    this.#advance(step.startMs);
    const { baseMs, perKvTokenMs } = this.#profile.step;
    this.#step = {
      endMs: step.startMs + step.durationMs,
      watts: stepWatts(this.#profile, step.durationMs),
      memoryRatio: Math.min(1, (baseMs + perKvTokenMs * step.kvTokens) / step.durationMs),
    };
  }

  /** Sensor readings at `nowMs`, which must not decrease. */
  read(nowMs: number): GpuReading {
    this.#advance(nowMs);
    const { idleClockMHz, busyClockMHz } = this.#profile.power;
    return {
      busyRatio: this.#busyRatio,
      memoryRatio: this.#memoryRatio,
      watts: this.#watts,
      celsius: this.#celsius,
      smClockMHz: this.#busyRatio > 0.01 ? busyClockMHz : idleClockMHz,
      energyMillijoules: this.#energyMillijoules,
    };
  }

  #advance(nowMs: number): void {
    if (this.#step) {
      this.#integrate(Math.min(nowMs, this.#step.endMs), 1, this.#step.memoryRatio, this.#step.watts);
      if (nowMs < this.#step.endMs) return;
      this.#step = undefined;
    }
    this.#integrate(nowMs, 0, 0, this.#profile.power.idleWatts);
  }

  #integrate(untilMs: number, busy: number, memory: number, watts: number): void {
    const elapsedMs = untilMs - this.#atMs;
    if (elapsedMs <= 0) return;
    const averaging = 1 - Math.exp(-elapsedMs / AVERAGING_MS);
    const thermal = 1 - Math.exp(-elapsedMs / this.#profile.power.thermalMs);
    this.#busyRatio += (busy - this.#busyRatio) * averaging;
    this.#memoryRatio += (memory - this.#memoryRatio) * averaging;
    this.#watts += (watts - this.#watts) * averaging;
    this.#celsius += (this.#steadyCelsius(watts) - this.#celsius) * thermal;
    this.#energyMillijoules += watts * elapsedMs;
    this.#atMs = untilMs;
  }

  #steadyCelsius(watts: number): number {
    return this.#profile.power.ambientCelsius + this.#profile.power.celsiusPerWatt * watts;
  }
}
