import type { Fault, Link, RunningStack } from '../../../harness/contracts.ts';
import type { AttackOutcome } from '../../../harness/requests.ts';
import { type FaultContext, type FaultPackage, linkFault } from '../../fault.ts';
import { type Attack, asksModel, type Opening } from '../attack.ts';
import { type RunningAttack, startAttack } from './attacker.ts';
import { firstModel } from './model.ts';
import { type AttackReport, type AttackSample, attackPoints } from './tally.ts';
import { resolveTarget } from './target.ts';

const POLL_MS = 100;
/** An attack is not looked at before it has had this long. */
const SETTLE_MS = 500;
/** The share of what was opened that must have met the service. */
const EFFECT_RATIO = 0.8;
/** Kinds of violations that the evidence names. */
const MAX_WRONGS = 3;
/** Points of an attack's course that a history keeps. */
const MAX_POINTS = 120;
const PROBE_PATH = '/healthz';
/** The attacker ends by itself a little after it should have been healed. */
const SPARE_MS = 10_000;
/** Longest wait for the report of an attacker that was told to stop. */
const REPORT_LIMIT_MS = 2000;
const NEVER_HEALED_MS = 600_000;

/**
 * An attack as a fault on a link by which clients enter, so that the run's own load is the control client and an SLO on `fault:<id>` is the
 * verdict:
 *
 * ```
 * load ─────┬─▶ client→gateway-1 ─▶ gateway-1
 * attacker ─┘
 * ```
 *
 * It bites when at least 80 % of the connections that it tried were established or refused, whatever became of them since; those
 * that wait for the service to take them, or that this machine had nothing left for, are not among them. It has healed when the
 * attacker's process is gone, and its connections with it, and the link answers a probe. Where the link's proxy stands between attacker
 * and service, what it holds may have been refused behind it, and every client has the proxy's address.
 */
export function attackFault(attack: Attack): FaultPackage {
  return linkFault({
    kind: attack.kind,
    summary: attack.summary,
    parameters: attack.parameters,
    selfHealing: false,
    needsProxy: false,
    create(parameters, link, context) {
      const fault = new AttackFault(attack, parameters, link, context);
      return {
        inject: signal => fault.inject(signal),
        verifyEffect: signal => fault.verifyEffect(signal),
        heal: () => fault.heal(),
        verifyHealed: signal => fault.verifyHealed(signal),
      };
    },
  });
}

class AttackFault implements Fault {
  readonly #attack: Attack;
  readonly #parameters: Readonly<Record<string, unknown>>;
  readonly #link: Link;
  readonly #context: FaultContext;
  #running: RunningAttack | undefined;
  #report: AttackReport | undefined;
  #opening: Opening | undefined;
  #death: unknown;

  constructor(attack: Attack, parameters: Readonly<Record<string, unknown>>, link: Link, context: FaultContext) {
    this.#attack = attack;
    this.#parameters = parameters;
    this.#link = link;
    this.#context = context;
  }

  async inject(signal: AbortSignal): Promise<void> {
    const { stack, forMs } = this.#context;
    const { authorization, origin, entryCertificate, iOwnThisTarget = false } = stack;
    const entry = new URL(entryOf(this.#link, stack)).origin;
    const authority = entryCertificate?.authority;
    const target = await resolveTarget(entry, { signal, origin, authority, iOwnThisTarget });
    const { model: named = '' } = this.#parameters as { model?: string };
    const isNamed = named !== '' || !asksModel(this.#attack, this.#parameters);
    const model = isNamed ? named : await firstModel(target, authorization, signal);
    const request = { host: target.host, authorization, model };
    this.#opening = this.#attack.script(this.#parameters, request).opening;
    this.#running = await startAttack(
      {
        kind: this.#attack.kind,
        parameters: this.#parameters,
        target,
        request,
        forMs: (forMs ?? NEVER_HEALED_MS) + SPARE_MS,
      },
      signal,
    );
    stack.protect(this.#running.pid);
  }

  async verifyEffect(signal: AbortSignal) {
    const { clock } = this.#context;
    for (;;) {
      const sample = this.#running?.sample();
      if (sample && hasTakenEffect(sample)) return { atMs: clock.nowMs(), evidence: describe(sample) };
      await clock.sleep(POLL_MS, signal);
    }
  }

  #outcomeOf(report: AttackReport): AttackOutcome {
    const { opened, connecting, exhausted, handled, requests, timeline, atMs } = report;
    const planned = this.#opening ? plannedBy(this.#opening, atMs) : 0;
    const hold = { planned, reached: opened - connecting - exhausted, handled, exhausted };
    return { ...requests, hold, points: attackPoints(timeline, MAX_POINTS) };
  }

  async heal(): Promise<void> {
    const running = this.#running;
    if (!running) return;
    running.stop();
    const { clock } = this.#context;
    // A timer that is left behind would keep the command line from ending.
    const over = new AbortController();
    const limit = clock.sleep(REPORT_LIMIT_MS, over.signal).then(() => undefined);
    this.#report ??= await Promise.race([running.done, limit]).catch(error => {
      this.#death = error;
      return undefined;
    });
    over.abort();
    await running[Symbol.asyncDispose]();
  }

  async verifyHealed(signal: AbortSignal) {
    const { stack, clock } = this.#context;
    // An attacker that died half-way attacked no longer, whatever the service did.
    if (this.#death) throw this.#death;
    for (;;) {
      signal.throwIfAborted();
      const probe = await stack.probe(this.#link, PROBE_PATH, signal).catch(() => undefined);
      if (probe) {
        const what = this.#report
          ? `${describe(this.#report)}${afterwards(this.#report)}${wrongs(this.#report)}; `
          : '';
        return {
          atMs: probe.sentMs,
          evidence: `${what}the attacker is gone, and ${this.#link.name} answers in ${Math.round(probe.ttfbMs)} ms`,
          requests: this.#report && this.#outcomeOf(this.#report),
        };
      }
      await clock.sleep(POLL_MS, signal);
    }
  }
}

/** How many connections an attack opens in so many ms, before it opens any again. */
function plannedBy({ connections, perSecond, total }: Opening, atMs: number): number {
  return Math.max(1, Math.min(connections, total, Math.floor((perSecond * atMs) / 1000)));
}

/**
 * Whether an attack is seen to act. A connection that was answered and then ended is one connection: what a sample counts of answers and
 * of endings overlaps, so what has not met the service is taken off instead. Pure.
 */
export function hasTakenEffect({ atMs, opened, connecting, exhausted }: AttackSample): boolean {
  return atMs >= SETTLE_MS && opened > 0 && opened - connecting - exhausted >= EFFECT_RATIO * opened;
}

/** An attack's figures in one line. */
export function describe(sample: AttackSample): string {
  const { opened, held, evicted, turnedAway, refused, answered, atMs } = sample;
  const counts = { held, evicted, 'turned away': turnedAway, refused, answered };
  const words = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  return `${opened} connections in ${(atMs / 1000).toFixed(1)} s: ${words.join(', ') || 'none answered'}`;
}

function afterwards({ evictions, lastWords, peakHeld, statuses }: AttackReport): string {
  const told = Object.entries(statuses).map(([status, count]) => `${count} × ${status}`);
  if (evictions.medianMs === null) return `${told.map(text => `, ${text}`).join('')}, at most ${peakHeld} at once`;
  const said = Object.entries(lastWords).toSorted((a, b) => b[1] - a[1])[0]?.[0];
  return `, at most ${peakHeld} at once; evicted after a median of ${evictions.medianMs} ms (P95 ${evictions.p95Ms} ms), mostly with ${said}`;
}

/** What the service did wrong, most often first. */
function wrongs({ violations }: AttackReport): string {
  const kinds = Object.entries(violations).toSorted((a, b) => b[1] - a[1]);
  if (kinds.length === 0) return '';
  const shown = kinds.slice(0, MAX_WRONGS).map(([words, count]) => `${count} × ${words}`);
  const rest = kinds.slice(MAX_WRONGS).reduce((sum, [, count]) => sum + count, 0);
  return `; wrong: ${[...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ')}`;
}

/** Where clients reach a link from outside; other links, where they listen. */
function entryOf(link: Link, stack: RunningStack): string {
  const entries = stack.links.filter(({ name }) => name.startsWith('client→'));
  return stack.entries[entries.indexOf(link)] ?? `http://${link.listen}`;
}
