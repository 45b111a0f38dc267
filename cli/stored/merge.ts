import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../../harness/clock.ts';
import { SquallError } from '../../harness/errors.ts';
import { type RunEnvironment, senderOf, type TimedEvent } from '../../harness/history.ts';
import { interruptible } from '../../harness/host/interrupts.ts';
import { mergeRuns } from '../../reports/judge/merge/merge.ts';
import { type Part, requireComplete } from '../../reports/judge/merge/segments.ts';
import { ARTIFACTS, judgeDirectory, publish, readRun } from '../../reports/publish.ts';
import { writeRequests } from '../../reports/store/requests-file.ts';
import { openRunDirectory } from '../../scenarios/session/run-directory.ts';
import { JSON_FLAG, withOut } from '../options.ts';
import { terminalSummary } from '../run.ts';
import { printJson, say } from '../terminal.ts';
import { requireRun } from './report.ts';

/** Defines `squall merge <run…>`, which combines the segments of one load into one run and judges it. */
export function defineMerge(command: Command, signal: AbortSignal): void {
  withOut(command)
    .argument('<run...>', 'run directories or ids, one for each segment, in any order')
    .option(...JSON_FLAG)
    .action(async (runs: string[], { out, json }: { out: string; json?: boolean }) => {
      const found = await interruptible(() => Promise.all(runs.map(run => readPart(requireRun(run, out), signal))));
      const parts = requireComplete(found);
      const environments = parts.map(({ events }) => environmentOf(events));
      const { directory, environment } = openRunDirectory(parts[0]!.plan.scenario, out, systemClock);
      const { events, records } = mergeRuns(parts, {
        id: environment.id,
        startedAt: environments.map(({ startedAt }) => startedAt).sort()[0]!,
        machine: combined(environments.map(({ machine }) => machine)),
        versions: environments[0]!.versions,
        revision: environments[0]!.revision,
      });
      writeFileSync(join(directory, ARTIFACTS.events), events.map(event => `${JSON.stringify(event)}\n`).join(''), {
        flag: 'wx',
        mode: 0o600,
      });
      await writeRequests(directory, records, senderOf(events));
      const result = await judgeDirectory(directory);
      publish(directory, result);
      if (json) printJson(result.document);
      else {
        process.stdout.write(`${terminalSummary(result)}\n`);
        say(process.stdout, `report  ${directory}/${ARTIFACTS.html}`);
      }
      process.exitCode = result.document.exitCode;
    });
}

async function readPart(directory: string, signal: AbortSignal): Promise<Part> {
  const { events, records } = await readRun(directory, signal);
  const opening = events.find(event => event.type === 'plan');
  if (!opening)
    throw new SquallError('environment', 'NO_PLAN', `Expected the history of ${directory} to begin with its plan`, {
      next: 'Check that this is the directory of a run that was started.',
    });
  return { run: basename(directory), plan: opening.plan, events, records };
}

function environmentOf(events: readonly TimedEvent[]): RunEnvironment {
  return events.find(event => event.type === 'plan')!.environment;
}

/** One description of several machines: equal values once, different ones separated by ` | `. */
function combined(machines: readonly RunEnvironment['machine'][]): RunEnvironment['machine'] {
  const keys = new Set(machines.flatMap(machine => Object.keys(machine)));
  return Object.fromEntries(
    [...keys].map(key => {
      const values = [...new Set(machines.map(machine => machine[key] ?? 'unknown'))];
      return [key, values.length === 1 ? values[0]! : values.join(' | ')];
    }),
  );
}
