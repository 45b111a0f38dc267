import { RUN_VARIABLE } from '../../harness/host/process-group.ts';

/** Variables that programs inherit. No other is passed on, so that a run depends only on its plan. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_COMPILE_CACHE'];

/** Environment of a process that belongs to no run, such as the watchdog, which must not kill itself as a leftover. */
export function processEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(PASSED_ON.flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Environment of a service: inherited variables, its configuration, and the run id by which leftovers are found. */
export function serviceEnvironment(runId: string, configuration: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...processEnvironment(), ...configuration, [RUN_VARIABLE]: runId };
}
