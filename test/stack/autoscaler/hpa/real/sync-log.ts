import { readFileSync } from 'node:fs';

/** What changes so shortly before or after the controller looked may or may not have been in its cache. */
export const MILLISECONDS_OF_RACE = 50;

/** One sync of the real controller, from its log and the audit log. Times are in ms since 1970. */
export interface SyncLog {
  readonly beginMs: number;
  /** Begin of the next one. */
  readonly endMs: number;
  /** spec.replicas and status.replicas of the target; null: there was none. */
  readonly current: number | null;
  readonly existing: number | null;
  /** What metrics asked for, and when. */
  readonly proposed?: number;
  readonly proposedMs?: number;
  readonly tolerances?: string;
  /** What was decided, and when; with `reason` if the target was scaled. */
  readonly decided?: number;
  readonly decidedMs?: number;
  readonly reason?: string;
  /** Status that was stored; absent if it had not changed. */
  readonly status?: object;
  readonly hasFailedStatus: boolean;
  /** Scale requests that were refused because of a newer version. */
  readonly conflicts: number;
}

// biome-ignore lint/suspicious/noExplicitAny: lines of logs.
type Line = any;

/** Lines of JSON of a growing file; others, and an unfinished last one, are left out. */
function linesOf(path: string): Line[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap(line => {
      if (!line.startsWith('{')) return [];
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}

/** Syncs of the autoscaler `h` of each namespace. @param controllers log of the controllers */
export function syncsByNamespace(
  auditLog: string,
  controllers: string,
): (namespace: string, untilMs: number) => SyncLog[] {
  const requests = Map.groupBy(linesOf(auditLog), ({ objectRef }) => objectRef?.namespace);
  const decisions = Map.groupBy(linesOf(controllers), ({ HPA, scaleTarget }) =>
    typeof scaleTarget === 'string' ? scaleTarget.split('/')[1] : (HPA?.namespace ?? HPA?.split?.('/')[0]),
  );
  return (namespace, untilMs) => {
    const own = (requests.get(namespace) ?? [])
      .filter(({ objectRef: { name } }) => name === 'd' || name === 'h')
      .map(line => ({ ...line, atMs: milliseconds(line.requestReceivedTimestamp) }))
      .sort((a, b) => a.atMs - b.atMs);
    const isRead = ({ verb, objectRef }: Line) => verb === 'get' && objectRef.subresource === 'scale';
    const isConflict = ({ verb, objectRef, responseStatus }: Line) =>
      verb === 'update' && objectRef.subresource === 'scale' && responseStatus.code === 409;
    // After a conflict the scale is read again.
    const begins = own.filter((line, i) => isRead(line) && !(i > 0 && isConflict(own[i - 1])));
    return begins.slice(0, -1).flatMap((begin, index): SyncLog[] => {
      const endMs = begins[index + 1].atMs;
      if (endMs > untilMs) return [];
      const within = own.filter(({ atMs }) => atMs >= begin.atMs && atMs < endMs);
      const logged = (decisions.get(namespace) ?? []).filter(
        ({ ts, scaleTarget = '/d', HPA }) =>
          ts >= begin.atMs && ts < endMs && scaleTarget.endsWith('/d') && HPA?.name !== 'h2',
      );
      const find = (start: string) => logged.find(({ msg }) => msg.startsWith(start));
      const proposed = find('Proposing desired replicas');
      const scaled = find('Successfully rescaled');
      const decided = scaled ?? find('Decided not to scale');
      const stored = within.filter(({ objectRef, verb }) => objectRef.subresource === 'status' && verb === 'update');
      const status = stored.findLast(({ responseStatus }) => responseStatus.code === 200)?.responseObject.status;
      const isFound = begin.responseStatus.code === 200;
      const { spec = {}, status: scale = {} } = isFound ? begin.responseObject : {};
      return [
        {
          ...{ beginMs: begin.atMs, endMs },
          ...{ current: isFound ? (spec.replicas ?? 0) : null, existing: isFound ? (scale.replicas ?? 0) : null },
          ...(proposed && {
            proposed: proposed.desiredReplicas,
            proposedMs: proposed.ts,
            tolerances: proposed.tolerances,
          }),
          ...(decided && { decided: decided.desiredReplicas, decidedMs: decided.ts }),
          ...(scaled && { reason: scaled.reason }),
          ...(status && { status }),
          hasFailedStatus: stored.some(({ responseStatus }) => responseStatus.code !== 200),
          conflicts: within.filter(isConflict).length,
        },
      ];
    });
  };
}

/** Milliseconds since 1970 of a time with microseconds. */
function milliseconds(time: string): number {
  const fraction = /\.(\d+)Z$/.exec(time)?.[1] ?? '0';
  return Date.parse(time.replace(/\.\d+Z$/, 'Z')) + Number(`0.${fraction}`) * 1000;
}
