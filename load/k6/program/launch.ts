import type { ChildProcess } from 'node:child_process';
import { chownSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { engineApi, engineSocket } from '../../../platform/docker/engine.ts';
import { fullName, labelsOf } from '../../../platform/docker/plans.ts';
import { startWatchdog } from '../../../platform/watchdog/watchdog.ts';
import { bundle, ENTRY } from './bundle.ts';
import { dockerArgs, type FoundK6 } from './find.ts';

/** Run that k6 is started for. */
export interface K6Run {
  readonly runId: string;
  readonly logPath: string;
  readonly script: string;
  /** Folder of k6's input files, its alone. */
  readonly folder: string;
}

/** How to start and end a k6. Disposing removes all that outlived it. */
export interface Launch extends AsyncDisposable {
  readonly command: string;
  /** Arguments before k6's own. @param names environment variables to pass on to k6 */
  args(names: readonly string[]): readonly string[];
  /** Paths of folder and script as k6 sees them. */
  readonly folder: string;
  readonly script: string;
  /** Process id of k6 once it runs. */
  pid(child: ChildProcess): Promise<number>;
  /** Ends k6 at once. */
  kill(child: ChildProcess): void;
}

/** User of the container where the harness is root: that of k6's own image. */
const UID = 12_345;
const MOUNT = '/squall';
const REAPED_BY = 'squall.k6';
/** Starting a watchdog has its own time limit. */
const NEVER = new AbortController().signal;

/** k6 as a process on this machine. */
export function launchProgram({ command }: FoundK6, { folder, script }: K6Run): Launch {
  return {
    command,
    args: () => [],
    folder,
    script,
    pid: async child => child.pid ?? 0,
    kill: child => void child.kill('SIGKILL'),
    [Symbol.asyncDispose]: async () => {},
  };
}

/**
 * k6 from an image, run by this machine's engine: on the host network, as an unprivileged user, on a read-only file system that
 * shows only its script and plan.
 *
 * ```
 * collector ──► docker run ──► k6 in its container
 *     └─ pipe ─► watchdog: removes the container by its label if the collector is killed
 * ```
 *
 * Unsupported are engines with their own loopback interface (rootless, or in a virtual machine).
 */
export async function launchContainer(
  { command }: FoundK6,
  image: string,
  { runId, logPath, script, folder }: K6Run,
): Promise<Launch> {
  const name = fullName(runId, 'k6');
  const socketPath = engineSocket();
  for (const [file, text] of Object.entries(bundle(script))) writeFileSync(join(folder, file), text, { mode: 0o600 });
  const uid = process.getuid?.() || UID;
  const onLost = (how: string) => void process.stderr.write(`The watchdog of k6's container was lost: ${how}\n`);
  const watchdog = await startWatchdog({ runId: `${runId}-k6`, directory: dirname(logPath), signal: NEVER, onLost });
  watchdog.register({ kind: 'docker-label', label: `${REAPED_BY}=${runId}`, socketPath });
  const labels = Object.entries({ ...labelsOf(runId), [REAPED_BY]: runId }).map(
    ([key, value]) => `--label=${key}=${value}`,
  );
  const container = (await engineApi(socketPath)).getContainer(name);
  const remove = () => container.remove({ force: true }).catch(() => {});
  return {
    command,
    args(names) {
      // The unprivileged user must be able to read the files of root.
      if (process.getuid?.() === 0)
        for (const file of ['.', ...readdirSync(folder)]) chownSync(join(folder, file), uid, uid);
      return [
        ...[...dockerArgs(process.env, folder), 'run', '--rm', '--pull=never', `--name=${name}`, ...labels],
        ...['--network=host', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'],
        ...[`--user=${uid}:${uid}`, '--log-driver=none', `--workdir=${MOUNT}`],
        ...[`--mount=type=bind,source=${folder},target=${MOUNT},readonly`, '--entrypoint=k6'],
        ...[...names.map(variable => `--env=${variable}`), image],
      ];
    },
    folder: MOUNT,
    script: `${MOUNT}/${ENTRY}`,
    pid: async () => (await container.inspect()).State.Pid,
    kill: () => void remove(),
    async [Symbol.asyncDispose]() {
      await remove();
      await watchdog.disarm();
    },
  };
}
