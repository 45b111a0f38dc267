import { attemptsOf, requestIdOf } from '../../../harness/requests.ts';
import { startOf } from './delivery.ts';
import { disturbances, disturbing } from './disturbances.ts';
import {
  byRequest,
  type Invariant,
  type InvariantFacts,
  type LogLine,
  linesOf,
  replicasOf,
  runOf,
  stackOf,
} from './facts.ts';
import { checkMs, discoveryMs } from './promises.ts';

/** Time in which a stream ends once the replica behind it is dead, or within which a drain has lost it, in ms. */
const NOTICE_MS = 2000;
/** Time that services let requests in flight have after SIGTERM, in ms, less a margin. */
const DRAIN_MS = 1600;
/** Faults after which a replica does not respond at all, while it lasts. */
const SILENCING: readonly string[] = ['kill', 'pause', 'zone-loss', 'down', 'timeout', 'zone-partition'];
/** Those that end it. */
const DEADLY: readonly string[] = ['kill', 'zone-loss'];

/** While a replica is well, no gateway turns a request away for want of one. */
export const noUpstreamHasACause: Invariant = {
  name: 'no-upstream-has-a-cause',
  breaches(facts) {
    const faults = disturbances(facts);
    const marginMs = checkMs(facts.plan) + discoveryMs(facts.plan);
    const engines = replicasOf(facts, 'inference').filter(engine => wasReady(facts, engine));
    const turnedAway = linesOf(facts, 'gateway').filter(
      ({ msg, reason }) => msg === 'request' && reason === 'no-upstream',
    );
    const breaches = turnedAway.flatMap(line => {
      const { replica, atMs } = line;
      const isDisturbed = (one: string) => disturbing(faults, facts, one, atMs - marginMs, atMs).length > 0;
      const well = engines.find(engine => !isDisturbed(engine));
      const isExplained = isDisturbed(replica) || (trustsRegistry(facts) && isDisturbed('control'));
      return well === undefined || isExplained ? [] : [{ replica, atMs, well }];
    });
    const [first] = breaches;
    if (!first) return [];
    return [
      `${first.replica} turned ${breaches.length} requests away for want of an upstream, the first at ${Math.round(first.atMs)} ms, while ${first.well} was well`,
    ];
  },
};

/** Whether gateways drop a replica that discovery does not list, however healthy it is. */
function trustsRegistry({ plan }: InvariantFacts): boolean {
  const { control, gateway } = stackOf(plan);
  return control !== 'off' && (!control.keepLastGood || gateway.healthChecks === 'off');
}

function wasReady({ events }: InvariantFacts, engine: string): boolean {
  return events.some(event => event.type === 'replica' && event.replica === engine && event.state === 'ready');
}

/** Active checks see a replica that does not respond, and gateways stop sending it requests. */
export const outagesAreNoticed: Invariant = {
  name: 'outages-are-noticed',
  breaches(facts) {
    const { plan } = facts;
    const boundMs = checkMs(plan);
    if (boundMs === 0) return [];
    const faults = disturbances(facts);
    const lines = linesOf(facts, 'gateway');
    return replicasOf(facts, 'inference').flatMap(engine =>
      disturbing(faults, facts, engine, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)
        .filter(({ kind, id }) => SILENCING.includes(kind) && isTotal(facts, id))
        .filter(({ fromMs, untilMs }) => untilMs >= fromMs + boundMs && Number.isFinite(untilMs))
        .flatMap(({ id, kind, fromMs }) =>
          replicasOf(facts, 'gateway')
            .filter(gateway => disturbing(faults, facts, gateway, fromMs - boundMs, fromMs + boundMs).length === 0)
            .filter(gateway => reaches(facts, id, gateway, engine))
            .filter(gateway => healthAt(lines, gateway, engine, fromMs + boundMs) === 'healthy')
            .map(
              gateway =>
                `${gateway} held ${engine} to be healthy ${Math.round(boundMs)} ms after ${kind} (${id}) began`,
            ),
        ),
    );
  },
};

/** Whether a fault concerns all connections, not a random part of them. */
function isTotal({ plan }: InvariantFacts, id: string): boolean {
  const { toxicity = 1 } = plan.faults.find(fault => fault.id === id)?.parameters ?? {};
  return Number(toxicity) === 1;
}

/** Whether a fault lies between a gateway and an engine: one on a link of another zone does not. */
function reaches({ plan, topology }: InvariantFacts, id: string, gateway: string, engine: string): boolean {
  const { kind, target } = plan.faults.find(fault => fault.id === id)!;
  const zone = topology.replicas.find(({ name }) => name === gateway)?.zone;
  if (kind === 'zone-partition') {
    const other = topology.replicas.find(({ name }) => name === engine)?.zone;
    return zone !== other && [zone, other].some(one => target.split('|').includes(one ?? ''));
  }
  const link = topology.links.find(({ name }) => name === target);
  return link?.fromZone === undefined || link.fromZone === zone;
}

/** Health of an engine in the eyes of a gateway at an instant, by its log; undefined before the first word of it. */
function healthAt(lines: readonly LogLine[], gateway: string, engine: string, atMs: number): unknown {
  let health: unknown;
  for (const line of lines) {
    if (line.replica !== gateway || line.atMs > atMs) continue;
    if (line.msg === 'listening') health = undefined;
    if (line.upstream !== engine) continue;
    if (line.msg === 'upstream health changed') health = line.health;
    else if (line.msg === 'upstream changed' && line.change === 'removed') health = undefined;
  }
  return health;
}

/** A stream from a replica that has died ends soon after. */
export const deadStreamsEnd: Invariant = {
  name: 'streams-of-the-dead-end',
  breaches(facts) {
    const faults = disturbances(facts);
    const streams = linesOf(facts, 'gateway').filter(({ msg, ttfbMs }) => msg === 'request' && ttfbMs !== undefined);
    return faults
      .filter(({ kind }) => DEADLY.includes(kind))
      .flatMap(fault =>
        streams
          .filter(({ upstream }) => fault.replicas.has(String(upstream)))
          .filter(line => startOf(line) + Number(line.ttfbMs) < fault.fromMs && line.atMs > fault.fromMs + NOTICE_MS)
          .filter(line => isAlone(facts, fault.id, [line.replica, String(line.upstream)], fault.fromMs, line.atMs))
          .map(({ replica, requestId, upstream, atMs }) => {
            const late = Math.round(atMs - fault.fromMs);
            return `${replica} held the stream ${requestId} open for ${late} ms after ${upstream} had died (${fault.id})`;
          }),
      );
  },
};

/** A replica that is stopped gracefully finishes the streams that it has begun, as far as its time suffices. */
export const drainsLoseNothing: Invariant = {
  name: 'drains-lose-no-stream',
  breaches(facts) {
    const gateways = replicasOf(facts, 'gateway');
    const lines = byRequest(linesOf(facts, 'gateway'));
    const run = runOf(facts);
    return disturbances(facts)
      .filter(({ kind }) => kind === 'stop')
      .flatMap(fault => {
        const { id, on, fromMs } = fault;
        const begun = facts.records
          .filter(({ outcome }) => outcome === 'truncated' || outcome === 'reset')
          .filter(({ firstTokenMs }) => firstTokenMs !== null && firstTokenMs < fromMs)
          .filter(({ endMs }) => endMs >= fromMs && endMs < fromMs + DRAIN_MS);
        return begun.flatMap(record => {
          const { index, sentMs, endMs, upstream } = record;
          // One that closes its connections at once has no time for a line about them.
          const over =
            lines.get(requestIdOf(record, run, attemptsOf(record)))?.at(-1)?.replica ??
            (gateways.includes(on) ? on : '');
          const way = [over, upstream];
          if (!way.includes(on) || !isAlone(facts, id, [...way, ...(over === '' ? gateways : [])], sentMs ?? 0, endMs))
            return [];
          return [
            `request ${index} from ${upstream} broke off ${Math.round(endMs - fromMs)} ms after ${on} was told to stop (${id})`,
          ];
        });
      });
  },
};

/** Whether no fault but one touched any of some replicas between two instants. */
function isAlone(
  facts: InvariantFacts,
  id: string,
  replicas: readonly string[],
  fromMs: number,
  toMs: number,
): boolean {
  const faults = disturbances(facts).filter(other => other.id !== id);
  return replicas.every(replica => disturbing(faults, facts, replica, fromMs, toMs).length === 0);
}
