import type { TimedEvent } from '../../../../harness/history.ts';
import { isFailure, type RequestRecord } from '../../../../harness/requests.ts';
import { checkOf, type Evidence, type Finding, type Objective, undecided, verdictOf } from '../../check.ts';
import { EXISTING } from '../../elasticity/provision.ts';
import { replicaEvents, replicasOf, SCALED, scaleEvents } from '../../elasticity/replicas.ts';

interface LostObjective extends Objective {
  readonly by: 'drain' | 'batch';
}

/**
 * `lost(drain) <= 0`: requests that failed because scaling down ended their replica, or it lost its place on a node. `lost(batch) <= 0`: batches that
 * were accepted, and have not got all of their results.
 */
export const check = checkOf<LostObjective>({
  kind: 'lost',
  words: ['lost'],
  parse(statement) {
    const by = statement.oneOf(['drain', 'batch'], 'drain, what requests are lost by, or batch');
    return { by, ...statement.atMost('') };
  },
  // Those that are interrupted or abandoned while their replica ends may be lost, too, and count as such.
  leavesOut: () => ['dropped'],
  judge: (objective, evidence) =>
    objective.by === 'batch' ? judgeBatches(objective, evidence) : judge(objective, evidence),
});

/** Time after the end of a replica in which its clients learn of it, in ms. */
const NOTICE_MS = 1000;

interface Drain {
  readonly replica: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/**
 * Requests that were in flight while a replica that was scaled down ended, and did not complete. Lost are those that name it as their
 * upstream; those that name none, or were sent several times, may have been its requests: they count for the upper bound alone.
 */
function judge(objective: Objective, { requests, run, window }: Evidence): Finding {
  const drains = drainsOf(run.events).filter(({ fromMs }) => fromMs >= window.fromMs && fromMs < window.toMs);
  if (drains.length === 0)
    return undecided('inconclusive', 'No replica was scaled down, nor lost its place, in the window.');
  const exposed = requests.filter(request => isFailure(request) || request.outcome === 'abandoned');
  const isIn = ({ sentMs, endMs }: RequestRecord, { fromMs, toMs }: Drain) =>
    sentMs !== null && sentMs <= toMs && endMs >= fromMs && endMs <= toMs + NOTICE_MS;
  const isLost = (request: RequestRecord) =>
    drains.some(drain => drain.replica === request.upstream && isIn(request, drain));
  const lost = exposed.filter(isLost);
  // Of several attempts only the last names its upstream.
  const unclear = exposed.filter(
    request =>
      !isLost(request) &&
      (request.upstream === '' || (request.attempts ?? 1) > 1) &&
      drains.some(drain => isIn(request, drain)),
  );
  const found = {
    measured: lost.length,
    lower: lost.length,
    upper: lost.length + unclear.length,
    samples: drains.length,
  };
  const served = new Set(drains.map(({ replica }) => replica));
  const known = run.records.some(({ upstream }) => served.has(upstream));
  const verdict = verdictOf(objective, found);
  const also = unclear.length > 0 ? `; ${unclear.length} more failed meanwhile without naming their replica` : '';
  const reason = `${lost.length} requests were lost by ${drains.length} ${drains.length === 1 ? 'replica' : 'replicas'} that had to end${also}`;
  if (verdict === 'pass' && !known)
    return { ...found, verdict: 'inconclusive', reason: `${reason}, but no response named one of these replicas.` };
  return { ...found, verdict, reason: `${reason}.` };
}

/**
 * Jobs of the window that the service had accepted, and without one result for each of their lines in time. Those of which nobody knows, since the run
 * ended before, count for the upper bound alone. A statement about these jobs only: no sampling error.
 */
function judgeBatches(objective: Objective, { requests, run }: Evidence): Finding {
  const classes = run.plan.load.clients?.classes ?? [];
  const jobs = new Set(classes.flatMap(({ name, batch }) => (batch ? [name] : [])));
  // What has no time of acceptance was not accepted.
  const accepted = requests.filter(request => jobs.has(request.class ?? '') && request.firstTokenMs !== null);
  if (accepted.length === 0) return undecided('inconclusive', 'No batch was accepted in the window.');
  const count = (outcome: RequestRecord['outcome']) => accepted.filter(request => request.outcome === outcome).length;
  const [lost, unclear] = [count('lost'), count('interrupted')];
  const found = { measured: lost, lower: lost, upper: lost + unclear, samples: accepted.length };
  const also = unclear > 0 ? `; of ${unclear} more nothing is known` : '';
  const reason = `${lost} of ${accepted.length} accepted batches were lost${also}.`;
  return { ...found, verdict: verdictOf(objective, found), reason };
}

/** Replicas that scaling down ended or that lost their places, each from that moment until it had stopped. */
function drainsOf(events: readonly TimedEvent[]): Drain[] {
  const endMs =
    events.find(event => event.type === 'phase' && event.phase === 'down')?.atMs ?? Number.POSITIVE_INFINITY;
  const states = replicaEvents(events);
  const scaledDown = scaleEvents(events)
    .filter(({ from, to }) => to < from)
    .flatMap(change => replicasOf(change).map(replica => ({ replica, fromMs: change.atMs })));
  const evicted = events
    .filter(event => event.type === 'placement')
    .filter(({ service, state }) => service === SCALED && state === 'evicted')
    .map(({ replica, atMs }) => ({ replica, fromMs: atMs }));
  return [...scaledDown, ...evicted].flatMap(({ replica, fromMs }) => {
    const own = states.filter(event => event.replica === replica);
    const isThere = fromMs < endMs && EXISTING.includes(own.findLast(({ atMs }) => atMs < fromMs)?.state ?? '');
    const stopped = own.find(({ state, atMs }) => state === 'stopped' && atMs >= fromMs);
    return isThere ? [{ replica, fromMs, toMs: Math.min(endMs, stopped?.atMs ?? endMs) }] : [];
  });
}
