import { join } from 'node:path';
import { Registry } from 'prom-client';
import type { CompiledScenario } from '../../../../scenarios/compile.ts';
import { loadScenario } from '../../../../scenarios/load-scenario.ts';
import { recordInMemory } from '../../../../scenarios/session/in-memory.ts';

/** A metric that a service of the stack has. */
export interface Exported {
  readonly kind: 'Counter' | 'Gauge' | 'Histogram';
  readonly labels: readonly string[];
}

/** Loads the scenario with every service, and every part of the gateway. @param folder absolute, for its audit log */
export async function everything(
  platform: 'virtual' | 'process',
  folder: string,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<CompiledScenario> {
  const { compiled } = await loadScenario(join(import.meta.dirname, 'everything.yaml'), {
    ...{ platform, seed: 42, timeScale: undefined, versions: {}, replay: '' },
    changes: { 'stack.gateway.audit': { folder }, ...changes },
  });
  return compiled;
}

/** Every metric that services register in a run of it in virtual time, with the names of its labels. */
export async function exportedMetrics(folder: string): Promise<ReadonlyMap<string, Exported>> {
  const found = new Map<string, Exported>();
  const { registerMetric } = Registry.prototype;
  Registry.prototype.registerMetric = function (this: { readonly _defaultLabels?: object }, metric) {
    const { name, labelNames = [] } = metric as unknown as { readonly name: string; readonly labelNames?: string[] };
    const kind = metric.constructor.name as Exported['kind'];
    found.set(name, { kind, labels: [...labelNames, ...Object.keys(this._defaultLabels ?? {})] });
    return registerMetric.call(this as Registry, metric);
  };
  try {
    const crash = await recordInMemory(await everything('virtual', folder), {}, record => record.crash);
    if (crash) throw new Error(crash.message);
  } finally {
    Registry.prototype.registerMetric = registerMetric;
  }
  return found;
}
