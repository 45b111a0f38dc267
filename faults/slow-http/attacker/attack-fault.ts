import { withLimit } from '../../../harness/clock.ts';
import type { Fault, Link, RunningStack } from '../../../harness/contracts.ts';
import { SquallError } from '../../../harness/errors.ts';
import type { AttackOutcome } from '../../../harness/requests.ts';
import { type FaultContext, type FaultPackage, linkFault } from '../../fault.ts';
import { lookUntil, PROBE_PATH } from '../../probe.ts';
import type { Attack, Opening } from '../attack.ts';
import { type RunningAttack, startAttack } from './attacker.ts';
import { firstModel } from './model.ts';
import { type AttackReport, type AttackSample, attackPoints } from './tally.ts';
import { resolveTarget } from './target.ts';

/** Minimum duration before the effect of an attack is assessed. */
const SETTLE_MS = 500;
/** Minimum ratio of attempted connections that must have reached the service. */
const EFFECT_RATIO = 0.8;
/** Maximum number of kinds of violations in the evidence. */
const MAX_VIOLATIONS = 3;
/** Maximum number of points of an attack's course in a history. */
const MAX_POINTS = 120;
/** The attacker ends by itself this long after its planned end. */
const SPARE_MS = 10_000;
/** Maximum wait for the report of a stopped attacker. */
const REPORT_LIMIT_MS = 2000;
const UNHEALED_MS = 600_000;

/**
 * An attack as a fault on a link by which clients enter, so that the run's own load is the control client and an SLO on `fault:<id>` is the
 * verdict:
 *
 * ```
 * load ─────┬─▶ client→gateway-1 ─▶ gateway-1
 * attacker ─┘
 * ```
 *
 * It has taken effect when at least 80 % of the attempted connections were established or refused, whatever became of them since; those
 * that wait to be accepted, or for which this machine had no resources, are not among them. It has recovered when the attacker's
 * process and its connections are gone and the link responds to a probe. If the link's proxy stands between attacker and service, open
 * connections may have been refused behind it, and all clients have the proxy's address.
 */
export function attackFault(attack: Attack): FaultPackage {
  const { kind, summary, parameters } = attack;
  return linkFault({
    kind,
    summary,
    parameters,
    selfHealing: false,
    needsProxy: false,
    // Its attacker is a process of its own.
    platforms: ['process', 'docker', 'external'],
    create: (values, link, context) => attackOn(link, attack, values, context),
  });
}

function attackOn(
  link: Link,
  attack: Attack,
  parameters: Readonly<Record<string, unknown>>,
  { stack, clock, forMs }: FaultContext,
): Fault {
  let running: RunningAttack | undefined;
  let opening: Opening | undefined;
  let report: AttackReport | undefined;
  let failure: SquallError | undefined;
  return {
    async inject(signal) {
      const { authorization, credentials = {}, origin, entryCertificate, tls, iOwnThisTarget = false } = stack;
      const machine = { clock, network: stack.network };
      const entry = new URL(entryOf(link, stack)).origin;
      const authority = entryCertificate?.authority;
      const target = await resolveTarget(entry, { signal, origin, authority, tls, iOwnThisTarget, machine });
      const { model: named = '', request: what } = parameters as { model?: string; request?: string };
      const needsModel = attack.needsModel && what !== 'get' && named === '';
      const model = needsModel
        ? await firstModel(target, { ...(authorization && { authorization }), ...credentials }, machine, signal)
        : named;
      const request = { host: target.host, authorization, credentials, model };
      opening = attack.script(parameters, request).opening;
      const durationMs = (forMs ?? UNHEALED_MS) + SPARE_MS;
      running = await startAttack({ kind: attack.kind, parameters, target, request, forMs: durationMs }, signal);
      stack.protect(running.pid);
    },
    verifyEffect: signal =>
      lookUntil(clock, signal, async () => {
        const sample = running?.sample();
        if (!sample || !hasTakenEffect(sample)) return undefined;
        return { atMs: clock.nowMs(), evidence: countsOf(sample) };
      }),
    async heal() {
      if (!running) return;
      running.stop();
      const { done } = running;
      const never = new AbortController().signal;
      report ??= await withLimit(REPORT_LIMIT_MS, never, () => done, clock).catch(error => {
        // A late report says nothing about the attack.
        if (error instanceof SquallError) failure = error;
        return undefined;
      });
      await running[Symbol.asyncDispose]();
    },
    async verifyHealed(signal) {
      // An attacker that died attacked no longer, whatever the service did.
      if (failure) throw failure;
      return lookUntil(clock, signal, async () => {
        const probe = await stack.probe(link, PROBE_PATH, signal).catch(() => undefined);
        if (!probe) return undefined;
        return {
          atMs: probe.sentMs,
          evidence: `${report ? `${resultOf(report)}; ` : ''}the attacker has exited, ${link.name} responds in ${Math.round(probe.ttfbMs)} ms`,
          requests: report && opening && outcomeOf(report, opening),
        };
      });
    },
  };
}

function outcomeOf(report: AttackReport, { connections, perSecond }: Opening): AttackOutcome {
  const { opened, connecting, exhausted, handled, requests, timeline, atMs } = report;
  // Without connections that are opened again.
  const planned = Math.max(1, Math.min(connections, Math.floor((perSecond * atMs) / 1000)));
  const hold = { planned, reached: opened - connecting - exhausted, handled, exhausted };
  return { ...requests, hold, points: attackPoints(timeline, MAX_POINTS) };
}

/**
 * Whether an attack has taken effect. Counts of responses and of closed connections overlap, so that connections which did not reach the
 * service are subtracted instead. Pure.
 */
export function hasTakenEffect({ atMs, opened, connecting, exhausted }: AttackSample): boolean {
  return atMs >= SETTLE_MS && opened > 0 && opened - connecting - exhausted >= EFFECT_RATIO * opened;
}

/** Such as `300 connections in 2.0 s: 200 open, 100 closed by server`. */
function countsOf({ open, closedByServer, rejected, notEstablished, responses, opened, atMs }: AttackSample): string {
  const counts = { open, 'closed by server': closedByServer, rejected, 'not established': notEstablished, responses };
  const words = Object.entries(counts).flatMap(([what, count]) => (count > 0 ? [`${count} ${what}`] : []));
  return `${opened} connections in ${(atMs / 1000).toFixed(1)} s: ${words.join(', ') || 'no response'}`;
}

function resultOf(report: AttackReport): string {
  const { openMs, closedWith, peakOpen, statuses, violations } = report;
  const details =
    openMs.median === null
      ? [...Object.entries(statuses).map(([status, count]) => `${count} × ${status}`), `peak ${peakOpen} open`].join(
          ', ',
        )
      : `peak ${peakOpen} open; closed by server after a median of ${openMs.median} ms (P95 ${openMs.p95} ms), mostly with ${byCount(closedWith)[0]?.[0]}`;
  return `${countsOf(report)}, ${details}${violationsOf(violations)}`;
}

/** The server's mistakes, most frequent first. */
function violationsOf(violations: AttackReport['violations']): string {
  const kinds = byCount(violations);
  if (kinds.length === 0) return '';
  const shown = kinds.slice(0, MAX_VIOLATIONS).map(([words, count]) => `${count} × ${words}`);
  const rest = kinds.slice(MAX_VIOLATIONS).reduce((sum, [, count]) => sum + count, 0);
  return `; violations: ${[...shown, ...(rest > 0 ? [`and ${rest} more`] : [])].join(', ')}`;
}

function byCount(counts: Readonly<Record<string, number>>): [string, number][] {
  return Object.entries(counts).toSorted((a, b) => b[1] - a[1]);
}

/** Where clients outside the stack reach a link; other links, where they listen. */
function entryOf(link: Link, stack: RunningStack): string {
  const entries = stack.links.filter(({ name }) => name.startsWith('client→'));
  return stack.entries[entries.indexOf(link)] ?? `http://${link.listen}`;
}
