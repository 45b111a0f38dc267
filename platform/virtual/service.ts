import { closeSync, writeSync } from 'node:fs';
import { pino } from 'pino';
import { messageOf } from '../../harness/errors.ts';
import { newUuid, seededSecrets } from '../../harness/host/secrets.ts';
import { seededRandom } from '../../harness/random.ts';
import { VirtualClock } from '../../harness/virtual/virtual-clock.ts';
import type { VirtualTime } from '../../harness/virtual/virtual-time.ts';
import type { Serve, ServiceContext } from '../../stack/service-program.ts';
import type { Ending, Instance, Program } from '../instance.ts';
import { openLog } from '../log-file.ts';
import type { CpuCosts } from './net/host.ts';
import type { VirtualWorld } from './world.ts';

/** A service of a stack, as a program in virtual time. */
export interface VirtualServicePlan {
  readonly name: string;
  /** IPv4 address of its host. */
  readonly address: string;
  readonly serve: Serve;
  readonly environment: Readonly<Record<string, string>>;
  readonly logPath: string;
  /** Addresses of links by which its clients know it. */
  readonly names: readonly string[];
  readonly costs: CpuCosts;
}

/** From the start of a Node program to its first line, in ms, as measured for the services of a stack on an idle machine. */
const START_MS = 300;

/**
 * A service that runs in this process on a host of its own. Each start is another host at the same address, with its own clock, chance and
 * connections; SIGKILL ends the host, SIGSTOP freezes it, SIGTERM is handed to the service, which drains as in a process of its own, and an
 * exception that it does not catch ends it with exit code 1.
 */
export function virtualService(plan: VirtualServicePlan, world: VirtualWorld): Program {
  let starts = 0;
  return {
    logPath: plan.logPath,
    start() {
      starts += 1;
      return startInstance(plan, starts, world);
    },
  };
}

function startInstance(
  plan: VirtualServicePlan,
  nth: number,
  { time, internet, seed, settle }: VirtualWorld,
): Instance {
  const { name, logPath } = plan;
  const host = internet.addHost(name, plan.address, plan.costs);
  const log = openVirtualLog(logPath, time);
  const stopped = Promise.withResolvers<string>();
  const gone = Promise.withResolvers<Ending>();
  const end = (how: string) => {
    if (host.state === 'dead') return;
    host.kill();
    log.close();
    gone.resolve({ how, isOutOfMemory: false });
  };
  const fail = (error: unknown) => {
    log.write(`${name}: ${messageOf(error)}\n`);
    end('exit code 1');
  };
  host.crash = fail;
  const clock = new VirtualClock(time, host);
  const random = seededRandom(seed).stream(`${name} ${nth}`);
  const ids = seededSecrets(random.stream('ids'));
  const context: ServiceContext = {
    clock,
    network: internet.networkOf(host),
    environment: plan.environment,
    random,
    newId: () => newUuid(ids),
    settle,
    names: plan.names,
    logger: base => pino({ base, timestamp: () => `,"time":${clock.date().getTime()}` }, log),
    stopped: stopped.promise,
  };
  clock.after(START_MS, () => {
    plan.serve(context).then(() => end('exit code 0'), fail);
  });
  return {
    pid: undefined,
    label: `${name} #${nth}`,
    logFromByte: log.fromByte,
    gone: gone.promise,
    signal(signal) {
      if (host.state === 'dead') return;
      if (signal === 'SIGKILL') end('SIGKILL');
      // A frozen program gets it when it is thawed.
      else clock.after(0, () => stopped.resolve(signal));
    },
    pause: async () => host.freeze(),
    resume: async () => host.thaw(),
  };
}

/** Time, in ms, that lines of a log wait for each other, since a call of the machine for each costs more than the line. */
const LOG_WAIT_MS = 250;

/** Log that is written in place: no wait for the disk may take virtual time. */
function openVirtualLog(path: string, time: VirtualTime) {
  const { descriptor, fromByte } = openLog(path);
  let lines: string[] = [];
  const flush = () => {
    if (lines.length > 0) writeSync(descriptor, lines.join(''));
    lines = [];
  };
  let cancel: (() => void) | undefined;
  let isClosed = false;
  return {
    fromByte,
    write: (line: string) => {
      if (isClosed) return; // What a dead program had begun goes on until it waits for something.
      if (lines.length === 0) cancel = time.after(LOG_WAIT_MS, flush);
      lines.push(line);
    },
    close: () => {
      isClosed = true;
      cancel?.();
      flush();
      closeSync(descriptor);
    },
  };
}
