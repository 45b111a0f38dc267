import { z } from 'zod';
import type { Fault, Link, Observation } from '../../harness/contracts.ts';
import type { Trace, TraceRequest } from '../../harness/host/trace.ts';
import { type FaultContext, linkFault } from '../fault.ts';
import { lookUntil, PROBE_PATH } from '../probe.ts';
import { type ProxyState, toxiproxyOf } from '../toxiproxy/client.ts';
import type { Toxic } from '../toxiproxy/toxic.ts';
import { isPlausible, probesToMiss } from './toxicity.ts';

/** Maximum time of a probe beyond the fault's own before something else must be slowing it down, in ms. */
export const SLACK_MS = 250;
/** Probes in a look, if every connection is affected. */
const PROBES = 3;
/** Probes in a look, if only some connections are. */
export const PROBES_OF_SOME = 20;
/** Looks in a row that must show the effect where the target's own times vary as much. */
export const LOOKS_IN_NOISE = 2;

/** The keys that say which connections and which direction are affected. */
export const toxicKeys = {
  stream: z
    .enum(['downstream', 'upstream'])
    .default('downstream')
    .describe('direction of the affected data: downstream is server to client'),
  toxicity: z
    .number()
    .min(0.1)
    .max(1)
    .default(1)
    .describe('ratio of the connections that are affected, drawn once for each; fewer than 0.1 would not be observed'),
};

/** Whole bytes, written as `16KB` in scenario files. */
export function bytesKey(min: number, max: number) {
  return z.int().min(min).max(max).meta({ unit: 'B' });
}

/** What probes of a link show of a fault, between a lower and an upper bound. */
export interface Expectation {
  readonly request: TraceRequest;
  /** What the fault adds to the time of a probe, in ms, where that is what shows it. */
  readonly addsMs?: number;
  /** Whether a probe shows the effect, and no more than the effect. @param before a typical probe before the fault */
  hasEffect(seen: Trace, before: Trace): boolean;
  /** Whether a probe is as before. */
  isAsBefore(seen: Trace, before: Trace): boolean;
  /** What a probe showed, such as `7.9 KB in 158 ms`. */
  words(seen: Trace): string;
}

/** Takes part in the choice of a request that shows the effect. */
export interface Survey {
  readonly link: Link;
  readonly context: FaultContext;
  readonly signal: AbortSignal;
}

interface ToxicSpec<Parameters extends z.ZodObject> {
  readonly kind: string;
  readonly summary: string;
  readonly parameters: Parameters;
  /** The toxic that it adds; absent for a proxy that is disabled. */
  toxic?(parameters: z.output<Parameters>): Toxic;
  /**
   * Whether connections are cut or lose bytes, so that they must be replaced when it heals, and the service behind the link must be seen
   * to respond: otherwise it might be down itself.
   */
  readonly cuts?: boolean;
  /** What will show it, or why nothing would, in words. */
  expect(parameters: z.output<Parameters>, survey: Survey): Promise<Expectation | string>;
}

/**
 * A toxic as a fault of a link. It has taken effect when three probes at once, each a connection of its own, show the effect within its
 * bounds, twice in a row where the probes before the fault differed by more than half of what it adds. Of a toxicity below 1, the number
 * of affected probes must be one that chance gives in 99.8 % of cases, neither none nor all. It has recovered when all probes are as
 * before, of a toxicity below 1 so many that one would be affected in 99 % of cases.
 */
export function toxicFault<Parameters extends z.ZodObject>(spec: ToxicSpec<Parameters>) {
  return linkFault<Parameters>({
    kind: spec.kind,
    summary: spec.summary,
    parameters: spec.parameters,
    selfHealing: false,
    create: (parameters, link, context) => bind(spec, parameters, link, context),
  });
}

function bind<Parameters extends z.ZodObject>(
  spec: ToxicSpec<Parameters>,
  parameters: z.output<Parameters>,
  link: Link,
  context: FaultContext,
): Fault {
  const { stack, clock } = context;
  const { toxicity = 1, stream = 'downstream' } = parameters as { toxicity?: number; stream?: string };
  const toxiproxy = toxiproxyOf(stack, clock);
  const name = `${spec.kind}-${stream}`;
  let expected: Expectation | undefined;
  let hidden: string | undefined;
  let proxy: ProxyState | undefined;
  let before: Trace | undefined;
  let isNoisy = false;
  let last: readonly Trace[] = [];

  const take = (count: number, request: TraceRequest, signal: AbortSignal) =>
    Promise.all(Array.from({ length: count }, () => stack.trace(link, request, signal)));
  const said = (traces: readonly Trace[]) => traces.map(trace => expected!.words(trace)).join(', ');

  const survey = async (signal: AbortSignal): Promise<void> => {
    const found = await spec.expect(parameters, { link, context, signal });
    if (typeof found === 'string') {
      hidden = found;
      return;
    }
    expected = found;
    // The quicker of two looks: a moment of noise is not the target's own.
    const first = lookOf(await take(PROBES, found.request, signal));
    const second = found.addsMs === undefined ? undefined : lookOf(await take(PROBES, found.request, signal));
    const looks = [first, second].filter(look => look !== undefined);
    const [look] = looks.sort((one, other) => one.typical.lastByteMs - other.typical.lastByteMs);
    if (!look) {
      hidden = `no probe across ${link.name} got a response before the fault`;
      return;
    }
    before = look.typical;
    isNoisy = found.addsMs !== undefined && Math.min(...looks.map(({ apartMs }) => apartMs)) >= found.addsMs / 2;
  };

  /** Whether one look shows the effect; of a toxicity below 1, together with those before it. */
  const judge = (count: { hit: number; missed: number }): boolean => {
    const hit = last.filter(trace => expected!.hasEffect(trace, before!)).length;
    if (toxicity === 1) return hit === last.length;
    count.hit += hit;
    count.missed += last.filter(trace => expected!.isAsBefore(trace, before!)).length;
    return isPlausible(count.hit, count.missed, toxicity);
  };
  const serviceResponds = async (signal: AbortSignal) => {
    if (!spec.cuts) return true;
    const request = { path: PROBE_PATH, limitMs: 1000, behind: true };
    const [control] = await take(1, request, signal);
    return control!.responses > 0;
  };

  return {
    async inject(signal) {
      proxy = await toxiproxy.getProxy(link.name, signal);
      await survey(signal);
      const toxic = spec.toxic?.(parameters);
      if (toxic) await toxiproxy.addToxic(link.name, { ...toxic, name }, signal);
      else await toxiproxy.setEnabled(link.name, false, signal);
    },
    verifyEffect(signal) {
      const count = { hit: 0, missed: 0 };
      let looks: number[] = [];
      return lookUntil(clock, signal, async () => {
        if (!expected || !before) return undefined;
        last = await take(toxicity === 1 ? PROBES : PROBES_OF_SOME, expected.request, signal);
        if (!judge(count) || !(await serviceResponds(signal))) {
          looks = [];
          return undefined;
        }
        looks.push(last[0]!.sentMs);
        if (looks.length < (isNoisy ? LOOKS_IN_NOISE : 1)) return undefined;
        const shown = last.filter(trace => expected!.hasEffect(trace, before!)).slice(0, PROBES);
        const total = count.hit + count.missed;
        const howMany = toxicity === 1 ? `${PROBES} probes` : `${count.hit} of ${total} probes`;
        return observed(looks[0]!, `${howMany} across ${link.name}: ${said(shown)}; ${said([before])} before`);
      });
    },
    noise() {
      if (hidden !== undefined || expected?.addsMs === undefined) return hidden;
      const isOdd = (trace: Trace) => !expected!.hasEffect(trace, before!) && !expected!.isAsBefore(trace, before!);
      if (!last.some(isOdd) && !isNoisy) return undefined;
      return `${last.length} probes across ${link.name}: ${said(last.slice(0, PROBES))}; ${said([before!])} before`;
    },
    async heal(signal) {
      if (!spec.toxic) return toxiproxy.setEnabled(link.name, true, signal);
      if (!spec.cuts) return toxiproxy.removeToxic(link.name, name, signal);
      if (proxy) await toxiproxy.removeByRenewal(proxy, [name], signal);
    },
    verifyHealed: signal =>
      lookUntil(clock, signal, async () => {
        if (!expected || !before) return observed(clock.nowMs(), `nothing was observed of ${link.name} before, either`);
        const probes = toxicity === 1 ? PROBES : probesToMiss(toxicity);
        const seen = await take(probes, expected.request, signal);
        if (!seen.every(trace => expected!.isAsBefore(trace, before!))) return undefined;
        return observed(seen[0]!.sentMs, `${probes} probes across ${link.name}: ${said(seen.slice(0, PROBES))} again`);
      }),
  };
}

/** The probe in the middle, and how far the slowest is from the fastest; undefined without a response. */
function lookOf(traces: readonly Trace[]): { readonly typical: Trace; readonly apartMs: number } | undefined {
  const sorted = traces.filter(({ responses }) => responses > 0).sort((a, b) => a.lastByteMs - b.lastByteMs);
  const typical = sorted[Math.floor(sorted.length / 2)];
  return typical && { typical, apartMs: sorted.at(-1)!.lastByteMs - sorted[0]!.lastByteMs };
}

function observed(atMs: number, evidence: string): Observation {
  return { atMs, evidence };
}
