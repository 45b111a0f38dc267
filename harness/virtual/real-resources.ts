import { SquallError } from '../errors.ts';

/** Real resources that wait for the world outside virtual time; timers of Node's own, such as its `Date` cache, do not matter. */
const REAL = /^(?:TCP|TLS|UDP|DNS|GetAddrInfo|GetNameInfo|HTTPParser|ProcessWrap)/;

/**
 * Compares the process's real resources with those of now: sockets, look-ups of names, processes.
 * @returns a check that throws SquallError `VIRTUAL_TIME_IS_REAL` when there are more
 */
export function realResources(): { check(): void } {
  const count = () => {
    const counts = new Map<string, number>();
    for (const name of process.getActiveResourcesInfo()) {
      if (REAL.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    return counts;
  };
  const before = count();
  return {
    check: () => {
      for (const [name, now] of count()) {
        if (now <= (before.get(name) ?? 0)) continue;
        throw new SquallError(
          'stack',
          'VIRTUAL_TIME_IS_REAL',
          `A real ${name} was opened during a run in virtual time`,
          {
            next: 'Whoever opens sockets must be given the virtual network.',
          },
        );
      }
    },
  };
}
