import { Command, CommanderError } from 'commander';
import { messageOf } from '../harness/errors.ts';
import packageJson from '../package.json' with { type: 'json' };
import { addAttack } from './attack.ts';
import { addDoctor } from './doctor.ts';
import { EXIT, errorText, exitCodeOf } from './exit.ts';
import { addK6Operator } from './k6-operator.ts';
import { addList } from './list.ts';
import { addMerge } from './merge.ts';
import { addProve } from './prove.ts';
import { addRun } from './run.ts';
import { addStored } from './stored.ts';
import { addUp } from './up.ts';

const interrupt = new AbortController();

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(name, () => {
    // The watchdog cleans up after whoever does not want to wait.
    if (interrupt.signal.aborted) process.exit(EXIT.interrupted);
    interrupt.abort(new Error(name));
  });

// Whoever reads no further, as `head` does, is no error.
process.stdout.on('error', error => {
  if ((error as NodeJS.ErrnoException).code === 'EPIPE') process.exit(EXIT.pass);
  throw error;
});

const program = new Command('squall')
  .description('Chaos-engineering and load-testing harness for self-hosted LLM services.')
  .version(packageJson.version)
  .showHelpAfterError('(squall --help and squall <command> --help tell more)')
  .exitOverride()
  .addHelpText(
    'after',
    `
Exit codes: 0 pass · 1 an SLO failed · 2 inconclusive or invalid · 3 usage · 4 environment or harness failure · 130 interrupted

Start with: squall run node-loss`,
  );

addRun(program, interrupt.signal);
addProve(program, interrupt.signal);
addList(program);
addStored(program);
addMerge(program, interrupt.signal);
addUp(program, interrupt.signal);
addK6Operator(program, interrupt.signal);
await addAttack(program, interrupt.signal);
addDoctor(program);
for (const command of program.commands)
  command.exitOverride().showHelpAfterError('(squall <command> --help tells more)');

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) {
    process.exitCode = error.exitCode === 0 ? EXIT.pass : EXIT.usage;
  } else {
    const { aborted, reason } = interrupt.signal;
    process.stderr.write(`${error === reason ? `squall: interrupted by ${messageOf(reason)}` : errorText(error)}\n`);
    process.exitCode = aborted ? EXIT.interrupted : exitCodeOf(error);
  }
}
