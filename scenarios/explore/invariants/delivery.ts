import { attemptsOf, type RequestRecord, requestIdOf } from '../../../harness/requests.ts';
import { CLOSING, disturbances, disturbing } from './disturbances.ts';
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

/** Outcomes of a request whose client stopped reading by itself. */
const LEFT: readonly RequestRecord['outcome'][] = ['abandoned', 'client-timeout', 'interrupted', 'dropped'];
/** Reasons of an engine for the end of a response that it generated in full. */
const WHOLE: readonly unknown[] = ['stop', 'length'];
/** Time in which an engine learns that nobody waits for its response any more, in ms. */
const CANCEL_MS = 300;
/** Time by which a limit may be exceeded, in ms: timers have a resolution, and bodies have to arrive. */
const HANG_MARGIN_MS = 500;

/** Lines of gateways and engines about the requests of one record, over all its attempts. */
interface Course {
  readonly record: RequestRecord;
  readonly atGateways: readonly LogLine[];
  readonly atEngines: readonly LogLine[];
}

function coursesOf(facts: InvariantFacts): Course[] {
  const run = runOf(facts);
  const gateways = byRequest(linesOf(facts, 'gateway'));
  const engines = byRequest(linesOf(facts, 'inference'));
  return facts.records.map(record => {
    const ids = Array.from({ length: attemptsOf(record) }, (_, nth) => requestIdOf(record, run, nth + 1));
    const of = (lines: typeof gateways) => ids.flatMap(id => lines.get(id) ?? []);
    return { record, atGateways: of(gateways), atEngines: of(engines) };
  });
}

/** What an engine finished and a gateway relayed in full, its client has whole; and a client has nothing that no engine generated. */
export const deliveredWhole: Invariant = {
  name: 'accepted-requests-are-delivered',
  breaches(facts) {
    const faults = disturbances(facts);
    const isDisturbed = (replica: string, fromMs: number, toMs: number) =>
      disturbing(faults, facts, replica, fromMs, toMs).length > 0;
    return coursesOf(facts).flatMap(({ record, atGateways, atEngines }) => {
      const { index, outcome, endMs, upstream, sentMs } = record;
      const relayed = atGateways.at(-1);
      const finished = atEngines.filter(({ finishReason }) => WHOLE.includes(finishReason));
      if (outcome === 'ok') {
        if (finished.length > 0 || upstream === '' || isDisturbed(upstream, sentMs ?? 0, endMs + CANCEL_MS)) return [];
        return [`request ${index} is complete at its client, and ${upstream} has no record of having finished it`];
      }
      if (LEFT.includes(outcome) || relayed?.outcome !== 'completed' || finished.length === 0) return [];
      if (isDisturbed(relayed.replica, startOf(relayed), endMs)) return [];
      const engine = finished[0]!.replica;
      return [
        `request ${index} was finished by ${engine}, relayed by ${relayed.replica}, and is ${outcome} at its client`,
      ];
    });
  },
};

/** An engine sees a request as often as gateways say that they sent it. */
export const handledOnce: Invariant = {
  name: 'no-request-is-handled-twice',
  breaches(facts) {
    const faults = disturbances(facts);
    const gateways = replicasOf(facts, 'gateway');
    return coursesOf(facts).flatMap(({ record, atGateways, atEngines }) => {
      const { index, sentMs, endMs } = record;
      // A gateway that ended meanwhile may have sent it without a line about it.
      const isUnknown = gateways.some(one => disturbing(faults, facts, one, sentMs ?? 0, endMs).length > 0);
      const said = atGateways.reduce((sum, { attempts }) => sum + Number(attempts ?? 0), 0);
      if (isUnknown || atGateways.length === 0 || atEngines.length <= said) return [];
      const where = atEngines.map(({ replica }) => replica).join(', ');
      return [
        `request ${index} reached ${where}, ${atEngines.length} times in all, and gateways report ${said} attempts`,
      ];
    });
  },
};

/** An engine stops working on a request once its client has ended it, as far as no fault keeps it from learning that. */
export const nothingForNobody: Invariant = {
  name: 'no-work-for-nobody',
  breaches(facts) {
    const gateways = replicasOf(facts, 'gateway');
    const faults = disturbances(facts).filter(({ kind }) => !CLOSING.includes(kind));
    return coursesOf(facts).flatMap(({ record, atGateways, atEngines }) => {
      const overMs = Math.max(record.endMs, ...atGateways.map(({ atMs }) => atMs));
      return atEngines.flatMap(line => {
        const { replica, atMs, finishReason } = line;
        const concerned = [replica, ...gateways].flatMap(one => disturbing(faults, facts, one, overMs, atMs));
        const onWay = concerned.filter(({ on }) => on !== replica);
        const untilMs = (those: typeof faults) => Math.max(overMs, ...those.map(({ toMs }) => toMs)) + CANCEL_MS;
        // Who was frozen finds the end of the connection right behind the request.
        const began = startOf(line) > untilMs(onWay) && WHOLE.includes(finishReason);
        if (atMs <= untilMs(concerned) && !began) return [];
        return [
          `${replica} worked on request ${record.index} until ${Math.round(atMs - overMs)} ms after its client had ended it`,
        ];
      });
    });
  },
};

/** No gateway lets a request wait longer than its own limits allow, and no client has to end one that its gateway should have. */
export const nothingHangs: Invariant = {
  name: 'no-request-hangs',
  breaches(facts) {
    const { timeouts, retries } = stackOf(facts.plan).gateway;
    const faults = disturbances(facts);
    const isDisturbed = (gateway: string, fromMs: number, toMs: number) =>
      disturbing(faults, facts, gateway, fromMs, toMs).length > 0;
    const waited = linesOf(facts, 'gateway').flatMap(line => {
      const { msg, replica, requestId, attempts, ttfbMs, durationMs, stream, atMs } = line;
      if (msg !== 'request' || stream !== true || isDisturbed(replica, startOf(line), atMs)) return [];
      const waitedMs = Number(ttfbMs ?? durationMs);
      const tries = Math.max(1, Number(attempts));
      const limitMs =
        tries * (timeouts.connectMs + timeouts.firstTokenMs) + (tries - 1) * retries.maxDelayMs + HANG_MARGIN_MS;
      if (waitedMs <= limitMs) return [];
      return [
        `${replica} let ${requestId} wait for ${Math.round(waitedMs)} ms in ${tries} attempts, and its limits are ${Math.round(limitMs)} ms`,
      ];
    });
    const { idleTimeoutMs } = facts.plan.load;
    const stalled = facts.records
      .filter(({ outcome }) => outcome === 'idle-timeout' && idleTimeoutMs > 1.25 * timeouts.idleMs + HANG_MARGIN_MS)
      .filter(({ sentMs, endMs }) => !replicasOf(facts, 'gateway').some(one => isDisturbed(one, sentMs ?? 0, endMs)))
      .map(
        ({ index }) =>
          `the stream of request ${index} stalled until its client ended it, which its gateway should have done`,
      );
    return [...waited, ...stalled];
  },
};

/** When a service received the request of a line, on the run's timeline. */
export function startOf({ atMs, durationMs }: LogLine): number {
  return atMs - Number(durationMs ?? 0);
}
