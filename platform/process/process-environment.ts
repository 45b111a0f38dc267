import { RUN_VARIABLE } from '../../harness/host/process-group.ts';

/** What a program needs from its environment to run at all. Nothing else is passed on: a run depends on its plan alone. */
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'TZ', 'NODE_COMPILE_CACHE'];

/** The environment of a process that belongs to no run, such as the watchdog, which must not take itself for a leftover. */
export function processEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(PASSED_ON.flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** The environment of a service of a run: the base, its configuration, and the mark by which leftovers are found. */
export function serviceEnvironment(runId: string, configuration: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  return { ...processEnvironment(), ...configuration, [RUN_VARIABLE]: runId };
}
