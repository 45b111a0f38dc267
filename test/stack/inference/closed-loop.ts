import { Engine, type EngineOptions } from '../../../stack/inference/engine/engine.ts';

/** Measurements of a closed loop in virtual time. */
export interface ClosedLoopResult {
  readonly ttftP95Ms: number;
  readonly itlP50Ms: number;
  readonly tokensPerSecond: number;
  readonly preemptions: number;
}

/** Runs a closed loop of `concurrency` users, each sending the next request when the last one ends, `rounds` times on average. */
export function closedLoop(
  options: EngineOptions,
  load: { promptTokens: number; maxTokens: number; concurrency: number; rounds: number },
): ClosedLoopResult {
  const engine = new Engine(options);
  const sentMs = new Map<string, number>();
  const lastMs = new Map<string, number>();
  const ttfts: number[] = [];
  const gaps: number[] = [];
  let [nowMs, sent, finished, tokens, preemptions] = [0, 0, 0, 0, 0];
  const send = () => {
    const id = String(sent);
    sent += 1;
    sentMs.set(id, nowMs);
    engine.submit({ id, promptTokens: load.promptTokens, maxTokens: load.maxTokens });
  };
  for (let i = 0; i < load.concurrency; i += 1) send();
  while (finished < load.concurrency * load.rounds) {
    const step = engine.step(nowMs)!;
    nowMs += step.durationMs;
    tokens += step.tokens.length;
    preemptions += step.preempted.length;
    for (const { id, index, last } of step.tokens) {
      if (index === 0) ttfts.push(nowMs - sentMs.get(id)!);
      else gaps.push(nowMs - lastMs.get(id)!);
      lastMs.set(id, nowMs);
      if (!last) continue;
      finished += 1;
      send();
    }
  }
  const tokensPerSecond = (tokens / nowMs) * 1000;
  return { ttftP95Ms: quantile(ttfts, 0.95), itlP50Ms: quantile(gaps, 0.5), tokensPerSecond, preemptions };
}

function quantile(values: number[], q: number): number {
  return values.sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;
}
