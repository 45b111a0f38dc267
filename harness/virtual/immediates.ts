/** The immediates of a process (or worker). */
export interface Immediates {
  /** Number of immediates of others that have not run yet. */
  pending(): number;
  /** Posts one that is not counted. */
  post(run: () => void): void;
}

let counted: Immediates | undefined;

/** Replaces the global immediates, once a process (or worker), by ones that are counted. */
export function countImmediates(): Immediates {
  if (counted) return counted;
  const { setImmediate, clearImmediate } = globalThis;
  const pending = new Set<NodeJS.Immediate>();
  const count = (run: (...args: unknown[]) => void, ...args: unknown[]): NodeJS.Immediate => {
    const immediate: NodeJS.Immediate = setImmediate(() => {
      pending.delete(immediate);
      run(...args);
    });
    pending.add(immediate);
    return immediate;
  };
  globalThis.setImmediate = Object.assign(count, { __promisify__: setImmediate.__promisify__ }) as typeof setImmediate;
  globalThis.clearImmediate = immediate => {
    if (typeof immediate === 'object') pending.delete(immediate);
    clearImmediate(immediate);
  };
  counted = { pending: () => pending.size, post: run => void setImmediate(run) };
  return counted;
}
