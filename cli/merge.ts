import { writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../harness/clock.ts';
import { SquallError } from '../harness/errors.ts';
import { type RunEnvironment, readHistory, type TimedEvent } from '../harness/history.ts';
import { mergeRuns } from '../reports/judge/merge/merge.ts';
import { type Part, requireComplete } from '../reports/judge/merge/segments.ts';
import { ARTIFACTS, judgeDirectory, publish } from '../reports/publish.ts';
import { readRequests, writeRequests } from '../reports/store/requests-file.ts';
import { openRunDirectory } from '../scenarios/run-directory.ts';
import { withOut } from './options.ts';
import { printJson, terminalSummary } from './run.ts';
import { requireRun } from './stored.ts';

/** `squall merge <runs…>`: the segments of one load become one run, and are judged as such. */
export function defineMerge(command: Command, signal: AbortSignal): void {
  withOut(command)
    .argument('<run...>', 'run directories or ids, one for each segment, in any order')
    .option('--json', 'print run.json on stdout, and nothing else there', false)
    .action(async (runs: string[], { out, json }: { out: string; json: boolean }) => {
      const found = await Promise.all(runs.map(run => readPart(requireRun(run, out), signal)));
      const parts = requireComplete(found);
      const first = surroundingsOf(parts[0]!.events);
      const { directory, environment } = openRunDirectory(parts[0]!.plan.scenario, out, systemClock);
      const earliest = parts.map(({ events }) => surroundingsOf(events).startedAt).sort()[0]!;
      const { events, records } = mergeRuns(parts, {
        id: environment.id,
        startedAt: earliest,
        machine: inCommon(parts.map(({ events }) => surroundingsOf(events).machine)),
        versions: { ...first.versions },
      });
      writeFileSync(join(directory, ARTIFACTS.events), events.map(event => `${JSON.stringify(event)}\n`).join(''), {
        flag: 'wx',
      });
      await writeRequests(directory, records);
      const result = await judgeDirectory(directory);
      publish(directory, result);
      if (json) printJson(result.document);
      else process.stdout.write(`${terminalSummary(result)}\nreport  ${directory}/${ARTIFACTS.html}\n`);
      process.exitCode = result.document.exitCode;
    });
}

async function readPart(directory: string, signal: AbortSignal): Promise<Part> {
  const events = readHistory(join(directory, ARTIFACTS.events));
  const opening = events.find(event => event.type === 'plan');
  if (!opening)
    throw new SquallError('environment', 'NO_PLAN', `Expected the history of ${directory} to begin with its plan`, {
      next: 'Check that this is the directory of a run that got as far as starting.',
    });
  const records = await readRequests(directory, signal);
  return { run: basename(directory), plan: opening.plan, events, records };
}

function surroundingsOf(events: readonly TimedEvent[]): RunEnvironment {
  return events.find(event => event.type === 'plan')!.environment;
}

/** What is told of several machines: what is the same of all once, what differs one after the other. */
function inCommon(machines: readonly RunEnvironment['machine'][]): RunEnvironment['machine'] {
  const keys = new Set(machines.flatMap(machine => Object.keys(machine)));
  return Object.fromEntries(
    [...keys].map(key => {
      const values = [...new Set(machines.map(machine => machine[key] ?? 'unknown'))];
      return [key, values.length === 1 ? values[0]! : values.join(' | ')];
    }),
  );
}
