import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { SquallError } from '../../../harness/errors.ts';
import { endGroup } from '../../../harness/host/process-group.ts';

/** How long a worker may take to leave by itself, in ms, before it is killed. */
const GRACE_MS = 500;
/** Young objects get little room: 10,000 connections are to be held in 200 MB. */
const SMALL_HEAP = ['--max-semi-space-size=4'];
const START_LIMIT_MS = 10_000;
const LAST_WORDS_BYTES = 2000;

/** A process of our own that is told things and tells things. Disposing ends it within about half a second. */
export interface Worker<To> extends AsyncDisposable {
  /** Leader of its own process group. */
  readonly pid: number;
  /** What has gone cannot be told anything; that is no error. */
  tell(message: To): void;
  /** Lets it leave: it is wanted no more. */
  release(): void;
  /** Settles when it has ended. @throws SquallError `WORKER_DIED` unless its exit code is 0 */
  readonly ended: Promise<void>;
}

/**
 * Starts a Node program of ours in a process group of its own, and waits for its message `{ type: 'ready' }`, 10 s at most.
 * @throws SquallError `WORKER_DIED`
 */
export async function startWorker<To extends object, From extends { readonly type: string }>(
  program: URL,
  onMessage: (message: From) => void,
): Promise<Worker<To>> {
  const path = fileURLToPath(program);
  const child = spawn(process.execPath, [...SMALL_HEAP, path], {
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let words = '';
  child.stderr!.on('data', chunk => {
    words = `${words}${chunk}`.slice(-LAST_WORDS_BYTES);
  });
  const ready = Promise.withResolvers<void>();
  child.on('message', message => {
    const from = message as From;
    if (from.type === 'ready') ready.resolve();
    else onMessage(from);
  });
  const ended = endOf(child, path, () => words);
  // Whoever does not await it must not be brought down by it.
  ended.catch(() => {});
  const worker: Worker<To> = {
    pid: child.pid ?? 0,
    ended,
    tell: message => void (child.connected && child.send(message, () => {})),
    release: () => void (child.connected && child.disconnect()),
    [Symbol.asyncDispose]: () => endGroup(child, GRACE_MS),
  };
  const timer = setTimeout(
    () => ready.reject(died(path, `not ready within ${START_LIMIT_MS} ms`, words)),
    START_LIMIT_MS,
  );
  try {
    await Promise.race([ready.promise, ended.then(() => Promise.reject(died(path, 'ended at once', words)))]);
    return worker;
  } catch (error) {
    await worker[Symbol.asyncDispose]();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function endOf(child: ChildProcess, path: string, words: () => string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(died(path, error.message, words())));
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(died(path, signal ? `killed by ${signal}` : `exit code ${code}`, words()));
    });
  });
}

function died(path: string, how: string, words: string): SquallError {
  const name = path.split('/').slice(-3).join('/');
  return new SquallError(
    'fault',
    'WORKER_DIED',
    `${name} died (${how}). Its last words:\n${words.trim() || '(none)'}`,
    {
      next: 'If it was killed, look for what is short on this machine: memory, processes, descriptors.',
    },
  );
}
