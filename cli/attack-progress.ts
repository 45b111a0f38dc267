import { styleText } from 'node:util';
import { attackPoints } from '../faults/slow-http/attacker/attack-points.ts';
import type { AttackReport } from '../faults/slow-http/attacker/tally.ts';
import { formatMs } from '../harness/quantity.ts';
import type { AttackDocument, AttackProgress } from '../scenarios/attack/session.ts';
import { type AttackVerdict, type PhaseFigures, percent } from '../scenarios/attack/verdict.ts';

const BAR = 30;
const MOST_LEVELS = 60;
const LEVELS = '▁▂▃▄▅▆▇█';
const COLOUR = { defended: 'green', degraded: 'yellow', down: 'red', inconclusive: 'yellow' } as const satisfies Record<
  AttackVerdict,
  string
>;

/**
 * An attack under way: how far it is, its connections, its victim.
 *
 * ```
 *   during [############------------------]  4.0 s of 10 s
 *   attacker  482 held  18 connecting  0 evicted  0 turned away  0 refused  0 answered
 *   victim    p99 12 ms  0 of 100 failed
 * ```
 */
export function liveLines({ phase, atMs, forMs, attack, victim }: AttackProgress): string[] {
  const filled = forMs === 0 ? BAR : Math.min(BAR, Math.round((BAR * atMs) / forMs));
  const bar = `[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}]`;
  return [
    `  ${phase.padEnd(8)} ${bar}  ${formatMs(atMs)} of ${formatMs(forMs)}`,
    `  attacker  ${attack ? `${attack.held} held  ${attack.connecting} connecting  ${attack.evicted} evicted  ${attack.turnedAway} turned away  ${attack.refused} refused  ${attack.answered} answered` : 'not yet'}`,
    `  victim    ${victimText(victim)}`,
  ];
}

/** What an attack showed, for a person. */
export function summaryLines({ verdict, reason, attack, victim }: AttackDocument): string[] {
  const { evictions, lastWords, statuses, violations, peakHeld } = attack;
  const most = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .toSorted((a, b) => b[1] - a[1])
      .slice(0, 5)
      .map(([what, count]) => `${what} ×${count}`)
      .join(', ');
  const evicted =
    evictions.medianMs === null
      ? 'none evicted'
      : `${evictions.count} evicted after a median of ${formatMs(evictions.medianMs)}, P95 ${formatMs(evictions.p95Ms!)}: ${most(lastWords)}`;
  return [
    `${styleText(['bold', COLOUR[verdict]], verdict)}  ${reason}`,
    `  attacker  ${attack.opened} connections, at most ${peakHeld} at once, ${attack.refused} refused, ${attack.turnedAway} turned away, ${evicted}`,
    ...courseLines(attack),
    ...(Object.keys(statuses).length > 0 ? [`  answers   ${most(statuses)}`] : []),
    ...Object.entries(violations).map(([words, count]) => `  ${styleText('red', 'wrong')}     ${words} ×${count}`),
    ...(['before', 'during', 'after'] as const).map(phase => `  ${phase.padEnd(8)}  ${victimText(victim[phase])}`),
  ];
}

/**
 * An attack over time: open connections, and all that were closed, rejected and served so far, each line scaled to its own maximum.
 *
 * ```
 *   open      ▁▅██████▆  at most 150, over 8 s
 *   closed    ▁▁▁▁▁▁▂▅█  210, over 8 s
 * ```
 */
function courseLines({ timeline, peakHeld, atMs }: AttackReport): string[] {
  const points = attackPoints(timeline, MOST_LEVELS);
  return (['open', 'closed', 'rejected', 'served'] as const).flatMap(name => {
    const values = points.map(point => point[name]);
    const most = Math.max(0, ...values);
    if (most === 0) return [];
    const line = values.map(value => LEVELS[Math.ceil((value / most) * (LEVELS.length - 1))]).join('');
    return [`  ${name.padEnd(8)}  ${line}  ${name === 'open' ? `at most ${peakHeld}` : most}, over ${formatMs(atMs)}`];
  });
}

function victimText({ requests, failed, errorRatio, latencyMs, quantile, p50Ms, outcomes }: PhaseFigures): string {
  if (requests === 0) return 'no requests';
  const failures = Object.entries(outcomes).filter(([outcome]) => !(Number(outcome) < 400));
  const why = failures.map(([outcome, count]) => `${outcome} ×${count}`).join(', ');
  const tail = quantile === null ? '' : `, P${100 * quantile} ${formatMs(latencyMs!)}`;
  return `${failed} of ${requests} failed (${percent(errorRatio)}${why ? `: ${why}` : ''}), P50 ${formatMs(p50Ms!)}${tail}`;
}
