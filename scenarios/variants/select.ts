import { SquallError } from '../../harness/errors.ts';
import type { Variant } from '../../reports/judge/variants/compare.ts';
import { didYouMean } from '../../reports/nearest.ts';
import { badScenario } from '../bad-scenario.ts';
import { override } from '../override.ts';

/**
 * Variants of a scenario as written, in its order; none without such a section, or for one that is not made of objects, of which validation
 * says more.
 */
export function variantsOf(raw: unknown): Variant[] {
  const { variants } = (raw ?? {}) as { readonly variants?: unknown };
  if (!isObject(variants)) return [];
  return Object.entries(variants).flatMap(([name, own]) => {
    if (!isObject(own)) return [];
    const { expect, ...set } = own;
    return [{ name, set, expect: expect === 'fail' ? 'fail' : 'pass' } as const];
  });
}

/** A variant of a scenario, and what it writes, by path of its overrides, for messages. */
export interface SelectedVariant extends Variant {
  readonly given: Readonly<Record<string, string>>;
}

/**
 * The variant that a run uses.
 * @param raw scenario as written
 * @param source its name or path, for messages
 * @param name @default the first; undefined for a scenario without variants
 * @throws SquallError `UNKNOWN_VARIANT`, `BAD_OVERRIDE`, `BAD_SCENARIO`
 */
export function selectVariant(raw: unknown, source: string, name: string | undefined): SelectedVariant | undefined {
  const variants = variantsOf(raw);
  const names = variants.map(variant => variant.name);
  const found = name === undefined ? variants[0] : variants.find(variant => variant.name === name);
  if (!found) {
    const { seeds } = (raw ?? {}) as { readonly seeds?: unknown };
    if (name === undefined && seeds !== undefined && (raw as { variants?: unknown }).variants === undefined)
      throw badScenario('seeds', 'left out without `variants`, which it repeats', seeds);
    if (name === undefined) return undefined;
    const known = names.length === 0 ? 'it has none' : names.join(', ');
    const message = `Expected --variant to be a variant of ${source} (${known}), got "${name}"${didYouMean(name, names)}`;
    throw new SquallError('option', 'UNKNOWN_VARIANT', message, { next: 'Name one of its `variants`.' });
  }
  const field = `variants.${found.name}`;
  try {
    override(raw, found.set);
  } catch (error) {
    if (!(error instanceof SquallError)) throw error;
    const message = `\`${field}\` of ${source}: ${error.message}`;
    const next = `Give paths in the scenario, such as \`${field}: { stack.inference.replicas: 2 }\`.`;
    throw new SquallError('scenario', error.code, message, { cause: error, next });
  }
  const forbidden = Object.keys(found.set).find(path => /^(name|seeds|variants)(\.|$)/.test(path));
  if (forbidden !== undefined)
    throw badScenario(field, 'without `name`, `seeds` and `variants`, which all have in common', forbidden);
  return { ...found, given: Object.fromEntries(Object.keys(found.set).map(path => [path, `\`${field}.${path}\``])) };
}

/** A scenario as written, with one of its variants and no others. */
export function withoutVariants(raw: unknown): unknown {
  if (!isObject(raw)) return raw;
  const { variants: _, seeds: __, ...rest } = raw;
  return rest;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
