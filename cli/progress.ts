import { createLogUpdate } from 'log-update';
import { systemClock } from '../harness/clock.ts';
import type { RunningLoad } from '../harness/contracts.ts';
import type { History, RunEvent } from '../harness/history.ts';
import { loadEndMs, type RunPlan, warmUpMs } from '../harness/plan.ts';
import { formatMs } from '../harness/quantity.ts';
import { nodeText, placementText, readyText, scaleText, stepLabel } from '../reports/judge/event-rows.ts';
import type { SessionObserver } from '../scenarios/session/session.ts';
import { profiles } from '../stack/inference/engine/profiles.ts';
import type { StackOptions } from '../stack/options.ts';
import { warningsOf } from './dry-run.ts';
import { paint, say, shown } from './terminal.ts';

/** A progress display; disposing clears the live part. */
export interface Progress extends SessionObserver, Disposable {}

const LIVE_INTERVAL_MS = 250;
const LINE_INTERVAL_MS = 10_000;

/**
 * Shows the events of a run as they happen, and figures of the load in between.
 * @param live a display that updates in place; otherwise the figures are one line every ten seconds
 */
export function startProgress(stream: NodeJS.WriteStream, plan: RunPlan, live: boolean): Progress {
  const update = live ? createLogUpdate(stream) : undefined;
  const state: LiveState = {
    plan,
    phase: 'up',
    openedMs: systemClock.nowMs(),
    nowMs: () => 0,
    startAt: undefined,
    load: undefined,
    replicas: new Map(),
    active: new Map(),
  };
  const timer = setInterval(
    () => {
      if (update) update(liveLines(state).map(shown).join('\n'));
      else if (state.load && state.phase === 'load') say(stream, statusLine(state));
    },
    live ? LIVE_INTERVAL_MS : LINE_INTERVAL_MS,
  );
  return {
    history(history: History) {
      state.nowMs = () => history.nowMs();
      say(stream, `${paint('bold', plan.scenario)}  ${plan.why}`, paint('dim', planText(plan)), ...warningsOf(plan));
      history.listen(event => {
        remember(state, event);
        const line = eventLine(event, plan);
        if (!line) return;
        const times = event.type === 'phase' ? bothTimes(state) : [];
        update?.clear();
        say(stream, `${paint('dim', clock(state))} ${[line, ...times].join('  ')}`);
      });
    },
    load(load: RunningLoad) {
      state.load = load;
    },
    [Symbol.dispose]() {
      clearInterval(timer);
      update?.clear();
      update?.done();
    },
  };
}

function planText(plan: RunPlan): string {
  const { seed, arrivals, platform, target, segment } = plan;
  return [
    `seed ${seed}`,
    arrivals ? `${arrivals.count} arrivals` : 'closed loop',
    `${warmUpMs(plan) / 1000} s of warm-up and ${loadEndMs(plan) / 1000} s of load`,
    target ? `${platform} ${target}` : platform,
    ...(segment ? [`segment ${segment.index} of ${segment.of}`] : []),
  ].join(' · ');
}

interface LiveState {
  readonly plan: RunPlan;
  phase: string;
  /** When the display began, on the machine's clock. */
  readonly openedMs: number;
  /** Now, in ms on the history's scale. */
  nowMs: () => number;
  /** Start of the load phase, likewise. */
  startAt: number | undefined;
  load: RunningLoad | undefined;
  readonly replicas: Map<string, string>;
  readonly active: Map<string, string>;
}

function remember(state: LiveState, event: RunEvent): void {
  if (event.type === 'phase') state.phase = event.phase;
  if (event.type === 'start') state.startAt = state.nowMs() + event.inMs;
  if (event.type === 'replica') state.replicas.set(event.replica, event.state);
  if (event.type === 'fault' && event.step === 'injected') state.active.set(event.id, event.evidence);
  if (event.type === 'fault' && event.step === 'healed') state.active.delete(event.id);
}

/** In virtual time both times since the run began, such as `59 s of virtual time in 3.1 s (19×)`; otherwise nothing. */
function bothTimes({ plan, openedMs, nowMs }: LiveState): string[] {
  const [virtualMs, wallMs] = [nowMs(), systemClock.nowMs() - openedMs];
  if (plan.platform !== 'virtual' || virtualMs === 0) return [];
  const factor = Number((virtualMs / wallMs).toPrecision(2));
  return [`${formatMs(virtualMs)} of virtual time in ${formatMs(wallMs)} (${factor}×)`];
}

function clock({ startAt, nowMs }: LiveState): string {
  const text = startAt === undefined ? '' : `${((nowMs() - startAt) / 1000).toFixed(1)}s`;
  return text.padStart(7);
}

function eventLine(event: RunEvent, plan: RunPlan): string | undefined {
  switch (event.type) {
    case 'phase':
      return event.phase === 'done'
        ? undefined
        : `${paint('cyan', event.phase)}${event.phase === 'up' ? loadingText(plan) : ''}`;
    case 'ready':
      return readyText(event);
    case 'replica':
      return event.state === 'starting' || event.state === 'stopped'
        ? undefined
        : `${event.replica} ${event.state}${event.detail ? ` (${event.detail})` : ''}`;
    case 'scale':
      return scaleText(event);
    case 'node':
      return nodeText(event);
    case 'placement':
      return event.state === 'pending' || event.state === 'evicted' ? placementText(event) : undefined;
    case 'fault':
      // That it was injected follows at once.
      if (event.step === 'inject') return undefined;
      return `${paint(event.step === 'healed' ? 'green' : 'yellow', `${event.id} ${stepLabel(event.step)}`)}  ${event.evidence}`;
    case 'invalid':
      return paint('red', `invalid: ${event.reason}`);
    case 'interrupted':
      return paint('red', `interrupted by ${event.by}: removing faults and stopping the stack (again to quit at once)`);
    case 'crashed':
      return paint('red', `failed: ${event.reason.split('\n')[0]}`);
    default:
      return undefined;
  }
}

/** How long the model takes to load, since nothing else shows meanwhile; empty with a target. */
function loadingText({ stack, timeScale }: RunPlan): string {
  const { inference } = stack as Partial<StackOptions>;
  if (!inference) return '';
  const { profile, modelLoadMs = profiles[profile].modelLoadMs } = inference;
  const loadMs = modelLoadMs / timeScale;
  return `  loading the model takes about ${formatMs(loadMs)} at stack.timeScale ${timeScale}`;
}

function statusLine(state: LiveState): string {
  const load = state.load?.progress();
  if (!load) return [`${clock(state)} ${state.phase}`, ...bothTimes(state)].join(' · ');
  const percent = load.sent === 0 ? 0 : (100 * load.failed) / load.sent;
  const p99 = load.recentP99TtftMs === null ? '–' : formatMs(load.recentP99TtftMs);
  const ready = [...state.replicas.values()].filter(s => s === 'ready').length;
  return [
    `${clock(state)} ${state.phase}`,
    `${Math.round(load.recentPerSecond)}/s`,
    `P99 TTFT ${p99}`,
    `${load.failed} failed (${percent.toFixed(1)} %)`,
    `${load.inFlight} in flight`,
    ...(load.dropped > 0 ? [`${load.dropped} dropped`] : []),
    // Of a target only helpers of the run are known, such as the fault proxy.
    ...(state.plan.target === undefined && state.replicas.size > 0 ? [`replicas ${ready}/${state.replicas.size}`] : []),
    ...bothTimes(state),
  ].join(' · ');
}

function liveLines(state: LiveState): string[] {
  const end = loadEndMs(state.plan);
  const at = state.startAt === undefined ? 0 : Math.min(end, Math.max(0, state.nowMs() - state.startAt));
  const filled = Math.round((at / end) * 30);
  const bar = `${'━'.repeat(filled)}${paint('dim', '─'.repeat(30 - filled))} ${Math.round(end / 1000)} s`;
  const faults = [...state.active].map(([id, what]) => paint('yellow', `  ● ${id}: ${what}`));
  return [`  ${bar}`, statusLine(state), ...faults];
}
