import { SquallError } from '../harness/errors.ts';
import { warmUpMs } from '../harness/plan.ts';
import { formatMs } from '../harness/quantity.ts';
import { type CompiledScenario, type CompileOptions, compileScenario } from './compile.ts';
import { requireStackUntouched } from './external.ts';
import { type FoundScenario, findScenario } from './find.ts';
import { override } from './override.ts';
import type { ResolvedScenario } from './scenario.ts';
import { validateScenario } from './validate.ts';

/** How a scenario is to be run. */
export interface LoadOptions extends Omit<CompileOptions, 'folder'> {
  /** New values for paths in the scenario, such as those of `--set` or of a proof. @default none */
  readonly changes?: Readonly<Record<string, unknown>>;
  /** When driving shall start. @default as soon as possible */
  readonly startAt?: Date | undefined;
}

/** A scenario with its defaults filled in, and ready to run. */
export interface LoadedScenario {
  readonly scenario: ResolvedScenario;
  readonly compiled: CompiledScenario;
}

/**
 * The whole way of a scenario: find → override → validate → compile.
 * @param from its name in the catalogue, the path of a file, or itself as it was written, by whatever wrote it
 * @throws SquallError of kind `scenario` or `option` that names the field
 */
export async function loadScenario(
  from: string | FoundScenario,
  { changes = {}, startAt, ...options }: LoadOptions,
): Promise<LoadedScenario> {
  const { raw, source, folder } = typeof from === 'string' ? await findScenario(from) : from;
  if (options.external) requireStackUntouched(Object.keys(changes));
  else if (options.segment) throw segmentWithoutTarget();
  const scenario = validateScenario(override(raw, changes), source);
  const compiled = compileScenario(scenario, { ...options, folder });
  if (startAt) requireAhead(startAt, warmUpMs(compiled.plan));
  return { scenario, compiled };
}

function requireAhead(startAt: Date, warmUpLastsMs: number): void {
  if (startAt.getTime() >= Date.now() + warmUpLastsMs) return;
  const now = new Date().toISOString();
  throw new SquallError(
    'option',
    'START_TOO_EARLY',
    `Expected \`--start-at\` to be more than the ${formatMs(warmUpLastsMs)} of the warm-up from now, ${now}, got ${startAt.toISOString()}`,
    { next: 'Choose a later --start-at, so that there is time to start everything and to warm up.' },
  );
}

function segmentWithoutTarget(): SquallError {
  return new SquallError('option', 'SEGMENT_WITHOUT_TARGET', 'Expected --segment beside a --target, got none', {
    next: 'Segments meet at one server, so give its URL; a stack of Squall’s own is one machine’s, where --workers adds cores.',
  });
}
