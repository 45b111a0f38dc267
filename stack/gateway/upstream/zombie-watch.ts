import type { Logger } from 'pino';
import { Counter, type Registry } from 'prom-client';
import { computedGauge } from '../../observability/computed-gauge.ts';
import { maxEjected } from './ejection.ts';
import type { ShortGetContext } from './short-get.ts';
import type { Upstream } from './upstreams.ts';
import { passesTrial, type Trial, trialLike } from './zombie-trial.ts';
import { hasRevived, isZombie, type Progress, silentMs, takeOut, type ZombieOptions } from './zombies.ts';

/** Looks at all upstreams within the time after which one is a zombie, which is noticed at most a tenth later. */
const LOOKS = 10;

interface ZombieWatchContext extends ShortGetContext {
  readonly options: ZombieOptions;
  readonly upstreams: () => readonly Upstream[];
  readonly registry: Registry;
  readonly log: Logger;
  /** Called when an upstream is taken out. */
  readonly onEjected: (upstream: Upstream) => void;
  /** Called when one is back. */
  readonly onReadmitted: () => void;
}

type Watchable = Upstream & { readonly progress: Progress };

/**
 * Takes zombies out, see {@link isZombie}, and lets them in again once a real completion of one token gets its token: a health check would
 * not show it. The streams of a zombie fail, so that those without output are sent elsewhere.
 *
 * No more than `maxEjectedRatio` of the upstreams are out at once (rounded down, but at least one of several): if all are silent, it is not
 * they that are to blame.
 */
export class ZombieWatch {
  readonly #context: ZombieWatchContext;
  readonly #trials: Counter<'upstream' | 'result'>;
  readonly #requests = new WeakMap<Upstream, Trial>();

  constructor(context: ZombieWatchContext) {
    this.#context = context;
    const { registry } = context;
    this.#trials = new Counter({
      name: 'gateway_zombie_trials_total',
      help: 'Completions by which upstreams that showed no output were tried, by whether they got a token',
      labelNames: ['upstream', 'result'],
      registers: [registry],
    });
    computedGauge(
      registry,
      'gateway_zombies',
      'Upstreams that are out since they showed no output',
      () => context.upstreams().filter(isOut).length,
    );
  }

  /** Watches until `signal` aborts. Never throws. */
  async watch(signal: AbortSignal): Promise<void> {
    const { options, clock } = this.#context;
    while (!signal.aborted) {
      await clock.sleep(options.silentMs / LOOKS, signal).catch(() => {});
      if (!signal.aborted) this.#look();
    }
  }

  #look(): void {
    const { options, upstreams, clock } = this.#context;
    const all = upstreams();
    const nowMs = clock.nowMs();
    for (const upstream of all) {
      if (!isWatched(upstream)) continue;
      const { progress } = upstream;
      if (hasRevived(progress)) this.#readmit(upstream);
      else if (isOut(upstream)) this.#try(upstream, nowMs);
      else if (upstream.health.health === 'healthy' && isZombie(options, progress, nowMs)) {
        if (all.filter(isOut).length < maxEjected(all.length, options.maxEjectedRatio)) this.#eject(upstream, nowMs);
      }
    }
  }

  #eject(upstream: Watchable, nowMs: number): void {
    const { options, log, onEjected } = this.#context;
    const { progress } = upstream;
    const streams = [...progress.streams];
    const silence = { reason: 'zombie', silentMs: Math.round(silentMs(progress, nowMs)), streams: streams.length };
    takeOut(options, progress, nowMs);
    const trial = trialLike(streams[0]!);
    if (trial) this.#requests.set(upstream, trial);
    log.warn({ upstream: upstream.name, ...silence }, 'upstream ejected');
    onEjected(upstream);
    for (const stream of streams) stream.abandon();
  }

  #try(upstream: Watchable, nowMs: number): void {
    const { options } = this.#context;
    const { progress } = upstream;
    if (nowMs < progress.trialDueMs) return;
    const trial = this.#requests.get(upstream);
    if (!trial) {
      this.#readmit(upstream);
      return;
    }
    // None begins before this one has ended.
    progress.trialDueMs = Number.POSITIVE_INFINITY;
    void passesTrial(upstream.transport, trial, options.silentMs, this.#context).then(isPassed => {
      this.#trials.inc({ upstream: upstream.name, result: isPassed ? 'token' : 'silent' });
      if (isPassed && isOut(upstream)) this.#readmit(upstream);
      else progress.trialDueMs = this.#context.clock.nowMs() + options.trialMs;
    });
  }

  #readmit(upstream: Watchable): void {
    const { clock, log, onReadmitted } = this.#context;
    const { progress } = upstream;
    const nowMs = clock.nowMs();
    const outMs = Math.round(nowMs - (progress.zombieSinceMs ?? nowMs));
    progress.zombieSinceMs = undefined;
    // What is in progress has its time from here.
    progress.busySinceMs = nowMs;
    log.info({ upstream: upstream.name, outMs }, 'upstream readmitted');
    onReadmitted();
  }
}

function isWatched(upstream: Upstream): upstream is Watchable {
  return upstream.progress !== undefined;
}

function isOut({ progress }: Upstream): boolean {
  return progress?.zombieSinceMs !== undefined;
}
