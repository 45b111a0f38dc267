import { SquallError } from '../harness/errors.ts';
import { warmUpMs } from '../harness/plan.ts';
import { formatMs } from '../harness/quantity.ts';
import { type CompiledScenario, type CompileOptions, compileScenario } from './compile.ts';
import { requireStackUntouched } from './external.ts';
import { type FoundScenario, findScenario } from './find.ts';
import { override } from './override.ts';
import type { ResolvedScenario } from './scenario.ts';
import { validateScenario } from './validate.ts';

/** Options of {@link loadScenario}. */
export interface LoadOptions extends Omit<CompileOptions, 'folder'> {
  /** Overrides of values by path, such as those of `--set` or of a proof. @default none */
  readonly changes?: Readonly<Record<string, unknown>>;
  /** Start of the load phase. @default as soon as possible */
  readonly startAt?: Date | undefined;
}

/** A validated scenario, and compiled. */
export interface LoadedScenario {
  readonly scenario: ResolvedScenario;
  readonly compiled: CompiledScenario;
}

/**
 * Loads a scenario: find → override → validate → compile.
 * @param from a name in the catalogue, the path of a file, or a scenario that was found or generated otherwise
 * @throws SquallError of kind `scenario` or `option` that names the field
 */
export async function loadScenario(
  from: string | FoundScenario,
  { changes = {}, startAt, ...options }: LoadOptions,
): Promise<LoadedScenario> {
  const { raw, source, folder } = typeof from === 'string' ? await findScenario(from) : from;
  if (options.external) requireStackUntouched(Object.keys(changes));
  else if (options.segment)
    throw new SquallError('option', 'SEGMENT_WITHOUT_TARGET', 'Expected --target together with --segment, got none', {
      next: 'Give the URL of the server that all segments load; for a stack that Squall starts, use --workers.',
    });
  const scenario = validateScenario(override(raw, changes), source);
  const compiled = compileScenario(scenario, { ...options, folder });
  const warmUp = warmUpMs(compiled.plan);
  if (startAt && startAt.getTime() < Date.now() + warmUp)
    throw new SquallError(
      'option',
      'START_TOO_EARLY',
      `Expected \`--start-at\` to be later than the end of the warm-up, ${formatMs(warmUp)} from now (${new Date().toISOString()}), got ${startAt.toISOString()}`,
      { next: 'Choose a later --start-at, which leaves time to start the processes and to warm up.' },
    );
  return { scenario, compiled };
}
