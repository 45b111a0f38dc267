/**
 * `node platform/docker/images/engine-main.ts start`: starts a Docker engine if none is running. Prints its process id on stdout, or nothing
 * if one was running, and a message on stderr. Exits 4 if it cannot be started.
 */
import { messageOf, SquallError } from '../../../harness/errors.ts';
import { ensureEngine } from './engine.ts';

try {
  const { version, startedPid, logFile } = await ensureEngine();
  if (startedPid === undefined) process.stderr.write(`engine ${version} is already running\n`);
  else process.stderr.write(`engine ${version} started as process ${startedPid}, log in ${logFile}\n`);
  process.stdout.write(startedPid === undefined ? '' : `${startedPid}\n`);
  process.exit(0);
} catch (error) {
  const next = error instanceof SquallError && error.next ? `\n  → ${error.next}` : '';
  process.stderr.write(`squall: ${messageOf(error)}${next}\n`);
  process.exitCode = 4;
}
