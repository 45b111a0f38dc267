/**
 * `node platform/docker/images/engine-main.ts start`: starts a Docker engine where none answers and says what it did on stderr. Stdout is the
 * process id of the one that it started, or empty when one was running. Exits 4 when none can be had.
 */
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { ensureEngine } from './engine.ts';

try {
  const { version, startedPid, logFile } = await ensureEngine();
  if (startedPid === undefined) process.stderr.write(`engine ${version} was running already\n`);
  else process.stderr.write(`engine ${version} started as process ${startedPid}, log in ${logFile}\n`);
  process.stdout.write(startedPid === undefined ? '' : `${startedPid}\n`);
  // The engine goes on without us.
  process.exit(0);
} catch (error) {
  const next = error instanceof SquallError && error.next ? `\n  → ${error.next}` : '';
  process.stderr.write(`squall: ${messageOf(error)}${next}\n`);
  process.exitCode = 4;
}
