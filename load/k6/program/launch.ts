import type { ChildProcess } from 'node:child_process';
import { chownSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { engineApi, engineSocket } from '../../../platform/docker/engine.ts';
import { fullName, labelsOf } from '../../../platform/docker/plans.ts';
import { startWatchdog } from '../../../platform/watchdog/watchdog.ts';
import { bundle, ENTRY } from './bundle.ts';
import { dockerArgs } from './image.ts';

/** Where k6 comes from, as `findK6` found it. */
export interface K6Program {
  /** k6 itself, or the `docker` that runs it from `image`. */
  readonly command: string;
  readonly image?: string | undefined;
}

/** For whom it runs. */
export interface K6Run {
  readonly runId: string;
  readonly logPath: string;
  readonly script: string;
  /** Files for k6 alone, in a folder of its own. */
  readonly folder: string;
}

/** How to start k6, and what to do about it apart from that. Disposing takes away what outlived it. */
export interface Launch extends AsyncDisposable {
  readonly command: string;
  /** What comes before k6's own arguments. @param names of the environment variables that k6 is to see */
  args(names: readonly string[]): readonly string[];
  /** The folder and the script, as k6 sees them. */
  readonly folder: string;
  readonly script: string;
  /** Of k6 itself, once it runs. */
  pid(child: ChildProcess): Promise<number>;
  /** Ends it at once. */
  kill(child: ChildProcess): void;
}

/** Of a container that may not be root's: the user of k6's own image. */
const UID = 12_345;
const INSIDE = '/squall';
const REAPED_BY = 'squall.k6';
/** Starting a watchdog has a limit of its own. */
const NEVER = new AbortController().signal;

/** k6 as a process of this machine. */
export function launchProgram({ command }: K6Program, { folder, script }: K6Run): Launch {
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
 * k6 from an image, by this machine's engine: on the machine's own network, as an ordinary user without privileges, with nothing to
 * write to and nothing to see but its script and plan.
 *
 * ```
 * collector ──► docker run ──► k6 in its container
 *     └─ pipe ─► watchdog: removes the container by its label when the collector is killed
 * ```
 *
 * Not for engines with a loopback of their own (rootless ones, and those in a virtual machine).
 */
export async function launchContainer(
  { command, image }: K6Program & { readonly image: string },
  { runId, logPath, script, folder }: K6Run,
): Promise<Launch> {
  const name = fullName(runId, 'k6');
  const socketPath = engineSocket();
  for (const [file, text] of Object.entries(bundle(script))) writeFileSync(join(folder, file), text);
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
      // A harness that is root gives its files away.
      if (process.getuid?.() === 0)
        for (const file of ['.', ...readdirSync(folder)]) chownSync(join(folder, file), uid, uid);
      return [
        ...[...dockerArgs(process.env, folder), 'run', '--rm', '--pull=never', `--name=${name}`, ...labels],
        ...['--network=host', '--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'],
        ...[`--user=${uid}:${uid}`, '--log-driver=none', `--workdir=${INSIDE}`],
        ...[`--mount=type=bind,source=${folder},target=${INSIDE},readonly`, '--entrypoint=k6'],
        ...[...names.map(variable => `--env=${variable}`), image],
      ];
    },
    folder: INSIDE,
    script: `${INSIDE}/${ENTRY}`,
    pid: async () => (await container.inspect()).State.Pid,
    kill: () => void remove(),
    async [Symbol.asyncDispose]() {
      await remove();
      await watchdog.disarm();
    },
  };
}
