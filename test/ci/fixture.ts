import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parse } from 'yaml';

/** The checkout. */
export const ROOT = resolve(import.meta.dirname, '../..');

/** A step as a workflow or an action has it. */
export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Values of expressions, such as `inputs.suite`. */
export type Values = Readonly<Record<string, string>>;

/** What a step left. */
export interface StepResult {
  readonly code: number;
  readonly text: string;
  readonly outputs: Readonly<Record<string, string>>;
}

/** A file of the checkout, parsed. */
export function read(path: string) {
  return parse(readFileSync(join(ROOT, path), 'utf8'));
}

/** A folder in which shell steps run, with programs that stand in for others. */
export interface Place {
  readonly folder: string;
  /** Calls of those programs, a line each. */
  calls(): string[];
  /** Runs a script as GitHub runs that of a step, or as given. */
  run(script: string, env: Values, shell?: readonly string[]): Promise<StepResult>;
  /** Runs a step of an action with the values of its expressions; others are an error. */
  step(step: Step, values: Values, env?: Values): Promise<StepResult>;
}

/**
 * A place with these programs, as scripts of bash. Each call is recorded.
 * @param programs by name
 */
export function placeIn(folder: string, programs: Readonly<Record<string, string>>): Place {
  const bin = join(folder, '.bin');
  const log = join(folder, '.calls');
  mkdirSync(bin, { recursive: true });
  for (const [name, body] of Object.entries(programs)) {
    const path = join(bin, name);
    writeFileSync(
      path,
      `#!/usr/bin/env bash\nprintf '%s\\n' "$(echo ${name} "$@" | tr '\\n' ' ')" >> '${log}'\n${body}\n`,
    );
    chmodSync(path, 0o755);
  }
  const run: Place['run'] = (script, env, shell = ['bash', '--noprofile', '--norc', '-e', '-o', 'pipefail']) => {
    const [outputs, path] = [join(folder, '.outputs'), join(folder, '.step')];
    writeFileSync(outputs, '');
    writeFileSync(path, script);
    const own = {
      ...{
        PATH: `${bin}:${process.env.PATH}`,
        HOME: folder,
        GITHUB_OUTPUT: outputs,
        RUNNER_TEMP: join(folder, 'temp'),
      },
      ...{
        GITHUB_STEP_SUMMARY: join(folder, 'job-summary.md'),
        GITHUB_REPOSITORY: 'us/squall',
        GITHUB_SHA: '0123456789abcdef',
      },
      ...{ GITHUB_SERVER_URL: 'https://github.example', GITHUB_RUN_ID: '99', ...env },
    };
    mkdirSync(own.RUNNER_TEMP, { recursive: true });
    return new Promise(done => {
      execFile(shell[0]!, [...shell.slice(1), path], { cwd: folder, env: own }, (error, stdout, stderr) => {
        const lines = readFileSync(outputs, 'utf8').trim().split('\n');
        const pairs = lines.filter(line => line.includes('=')).map(line => line.split(/=(.*)/s).slice(0, 2));
        done({ code: Number(error?.code ?? 0), text: stdout + stderr, outputs: Object.fromEntries(pairs) });
      });
    });
  };
  return {
    folder,
    run,
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trim().split(/ *\n/) : []),
    step({ run: script, env = {} }, values, more = {}) {
      const own = Object.entries(env).map(([name, text]) => [name, substituted(text, values)]);
      return run(script!, { ...Object.fromEntries(own), ...more });
    },
  };
}

function substituted(text: string, values: Values): string {
  return text.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) => {
    const value = values[expression];
    if (value === undefined) throw new Error(`no value for ${expression}`);
    return value;
  });
}
