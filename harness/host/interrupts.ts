const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

let listener: ((name: string) => void) | undefined;
let working = 0;

/** Calls `onSignal` with the name of every signal that interrupts this process, instead of ending it; to be called once. */
export function onInterrupt(onSignal: (name: string) => void): void {
  listener = onSignal;
  arm();
}

/**
 * Does work that may block this thread, such as parsing, while nothing is running that would have to be cleaned up: meanwhile a signal
 * ends the process at once, since its listener could not be called before the work is done. Without {@link onInterrupt} signals are
 * left alone.
 */
export async function interruptible<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  working += 1;
  if (listener) for (const name of NAMES) process.off(name, listener);
  try {
    return await work();
  } finally {
    working -= 1;
    if (working === 0) arm();
  }
}

function arm(): void {
  if (listener) for (const name of NAMES) process.on(name, listener);
}
