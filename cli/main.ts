import { Command, CommanderError } from 'commander';
import { messageOf } from '../harness/errors.ts';
import { onInterrupt } from '../harness/host/interrupts.ts';
import { ignoreProxies } from '../harness/host/proxies.ts';
import { visible } from '../harness/input/visible.ts';
import packageJson from '../package.json' with { type: 'json' };
import { EXIT, errorText, exitCodeOf } from './exit.ts';

/** A command as `squall --help` lists it. Its module is loaded only when the command is called. */
interface Entry {
  /** Name, a space, usage. */
  readonly call: string;
  readonly description: string;
  /** Resolves to the function that gives the command its arguments, options and action. */
  readonly load: () => Promise<(command: Command, signal: AbortSignal) => void | Promise<void>>;
}

const ENTRIES: readonly Entry[] = [
  {
    call: 'run [options] <scenario...>',
    description: 'run scenarios: start the stack, generate load, inject faults, judge the SLOs, write the report',
    load: async () => (await import('./run.ts')).defineRun,
  },
  {
    call: 'prove [options] <scenario...>',
    description:
      'prove that the SLOs of a scenario can fail: run it as it is, then once without each of its safeguards',
    load: async () => (await import('./prove.ts')).defineProve,
  },
  {
    call: 'suite [options] [suite]',
    description: 'run many scenarios, on several platforms and with several seeds, and leave one page about them',
    load: async () => (await import('./suite/command.ts')).defineSuite,
  },
  {
    call: 'explore [options] <scenario>',
    description: 'try random schedules of faults in virtual time, and shrink those that fail',
    load: async () => (await import('./explore/command.ts')).defineExplore,
  },
  {
    call: 'capacity [options] <scenario>',
    description: 'find the highest load at which all SLOs of a scenario hold, or the fewest replicas for a rate',
    load: async () => (await import('./capacity/command.ts')).defineCapacity,
  },
  {
    call: 'tune [options] <what> <file>',
    description: "find a cheaper configuration of your HorizontalPodAutoscaler that meets a scenario's SLOs",
    load: async () => (await import('./tune/command.ts')).defineTune,
  },
  {
    call: 'list [options]',
    description: 'list the scenarios of the catalogue, the kinds of faults, and the suites',
    load: async () => (await import('./list.ts')).defineList,
  },
  {
    call: 'schema [options]',
    description: 'print the JSON Schema of scenario files, or of suites',
    load: async () => (await import('./list.ts')).defineSchema,
  },
  {
    call: 'report [options] <run>',
    description: 'render the reports of a stored run again',
    load: async () => (await import('./stored/report.ts')).defineReport,
  },
  {
    call: 'recheck [options] <run>',
    description: 'judge a stored run again; the exit code is that of the run',
    load: async () => (await import('./stored/report.ts')).defineRecheck,
  },
  {
    call: 'compare [options] <base> [candidate]',
    description: 'compare runs of one scenario: what got worse or better, with intervals',
    load: async () => (await import('./stored/compare.ts')).defineCompare,
  },
  {
    call: 'trend [options] <history> [folder...]',
    description: 'show what changed from night to night in the history that suites keep, or append one that has ended',
    load: async () => (await import('./suite/trend.ts')).defineTrend,
  },
  {
    call: 'merge [options] <run...>',
    description: 'merge the segments of a load (squall run --segment) into one run, judge it, write its report',
    load: async () => (await import('./stored/merge.ts')).defineMerge,
  },
  {
    call: 'up [options] <scenario>',
    description: "start a scenario's stack without load or faults, and keep it running until Ctrl-C",
    load: async () => (await import('./up.ts')).defineUp,
  },
  {
    call: 'k6-operator [options] <scenario>',
    description:
      "print a TestRun manifest for the k6 operator, which generates a scenario's load in a Kubernetes cluster",
    load: async () => (await import('./k6-operator.ts')).defineK6Operator,
  },
  {
    call: 'attack [options] <kind>',
    description: 'attack a service of your own, and measure what its clients see of it',
    load: async () => (await import('./attack.ts')).defineAttack,
  },
  {
    call: 'audit [options] <action> <folder>',
    description: "verify a gateway's audit log: name the first line that was changed, removed or added",
    load: async () => (await import('./audit/command.ts')).defineAudit,
  },
  {
    call: 'doctor [options]',
    description: 'show which tools are installed on this machine, and how to install the missing ones',
    load: async () => (await import('./doctor.ts')).defineDoctor,
  },
];

ignoreProxies();
// Whatever this process and its children write is for this user alone: a run may record keys.
process.umask(0o077);
const interrupt = new AbortController();

onInterrupt(name => {
  // A second signal exits at once; the watchdog cleans up.
  if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
  interrupt.abort(new Error(name));
});

// A reader that closes the pipe early, as `head` does, is no error.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(EXIT.pass);
  throw error;
});

const program = new Command('squall')
  .description('Chaos-engineering and load-testing harness for self-hosted LLM services.')
  .version(packageJson.version)
  .showHelpAfterError('(see squall --help and squall <command> --help)')
  .exitOverride()
  .configureOutput({ writeErr: text => process.stderr.write(visible(text)) })
  .configureHelp({ subcommandTerm: command => `${command.name()} ${command.usage()}` })
  .hook('preSubcommand', async (_, command) => {
    const define = await ENTRIES.find(({ call }) => call.startsWith(`${command.name()} `))?.load();
    await define?.(command, interrupt.signal);
    (await import('./options.ts')).requireValues(command);
  })
  .addHelpText(
    'after',
    `
Exit codes: 0 pass · 1 an SLO failed · 2 inconclusive or invalid · 3 usage · 4 environment or harness failure · 130 interrupted

Start with: squall run node-loss`,
  );

for (const { call, description } of ENTRIES) {
  const [name, usage] = call.split(/ (.*)/) as [string, string];
  program
    .command(name)
    .usage(usage)
    .description(description)
    .exitOverride()
    .showHelpAfterError('(see squall <command> --help)');
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.pass : EXIT.usage;
  } else {
    const { aborted, reason } = interrupt.signal;
    const text = error === reason ? `squall: interrupted by ${messageOf(reason)}` : errorText(error);
    process.stderr.write(`${visible(text)}\n`);
    process.exitCode = aborted ? EXIT.interrupted : exitCodeOf(error);
  }
}
