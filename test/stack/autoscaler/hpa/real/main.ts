/**
 * Records the decisions of kube-controller-manager, with kube-apiserver and etcd from `.tools/bin`, for random cases:
 * `main.ts [--cases 200] [--seed 1] [--batch 30] [--out FILE]`. Then they are repeated with ours, and each difference is printed.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { HpaSettings } from '../../../../../stack/autoscaler/hpa/settings.ts';
import { readCases } from '../recorded.ts';
import { differences, ours, unsureSyncs } from '../replay.ts';
import { startControlPlane } from './control-plane.ts';
import { EDGE_SPECS, type Verdict, verdictOf } from './edge-specs.ts';
import { serveMetrics } from './metrics-api.ts';
import { type Played, type Stage, stageOf } from './play.ts';
import { watchPods } from './pods.ts';
import { GROUP_NAMES, randomScript } from './random-script.ts';
import { markUnsure, type Recording, recordingOf, SYNC_COLUMNS } from './recording.ts';
import { syncsByNamespace } from './sync-log.ts';

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '200' },
    seed: { type: 'string', default: '1' },
    batch: { type: 'string', default: '30' },
    out: { type: 'string', default: 'test/stack/autoscaler/hpa/fixtures/random-1.36.json.gz' },
  },
});
const [cases, seed, batch] = [values.cases, values.seed, values.batch].map(Number) as [number, number, number];
/** A batch takes half a minute. */
const LIMIT_MS = 120_000 + Math.ceil(cases / batch) * 90_000;

const FLAGS: Readonly<Record<string, HpaSettings>> = {
  E: {
    ...{ syncPeriodMs: 1000, initialReadinessDelayMs: 5000, cpuInitializationPeriodMs: 12_000, tolerance: 0.1 },
    ...{ downscaleStabilizationMs: 6000, configurableTolerance: true, scaleToZero: true },
  },
  F: {
    ...{ syncPeriodMs: 800, initialReadinessDelayMs: 30_000, cpuInitializationPeriodMs: 60_000, tolerance: 0.05 },
    ...{ downscaleStabilizationMs: 3000, configurableTolerance: false, scaleToZero: true },
  },
  G: {
    ...{ syncPeriodMs: 1000, initialReadinessDelayMs: 2000, cpuInitializationPeriodMs: 300_000, tolerance: 0.2 },
    ...{ downscaleStabilizationMs: 2500, configurableTolerance: true, scaleToZero: false },
  },
};

// Processes and folders go with this one, however it ends.
for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => process.exit(130));
const limit = setTimeout(() => {
  console.error(`Recording was not done within ${LIMIT_MS / 1000} s.`);
  process.exit(1);
}, LIMIT_MS);

const recorded: Recording[] = [];
const version = await record();
const file = {
  ...{ format: 1, kubernetes: version },
  flags: Object.fromEntries(
    Object.entries(FLAGS).map(([name, { configurableTolerance, scaleToZero, ...flags }]) => [
      name,
      { ...flags, featureGates: { HPAConfigurableTolerance: configurableTolerance, HPAScaleToZero: scaleToZero } },
    ]),
  ),
  ...{ syncColumns: SYNC_COLUMNS, cases: recorded },
};
const write = () => writeFileSync(values.out, gzipSync(JSON.stringify(file), { level: 9 }));
write();
const first = readCases(values.out);
for (const [index, each] of first.cases.entries())
  for (const place of unsureSyncs(each, first.settings)) markUnsure(recorded[index]!.syncs[place]!);
write();
const again = readCases(values.out);
const found = again.cases.flatMap(each => differences(each, again.settings, ours));
const syncs = again.cases.flatMap(each => each.syncs);
const count = (key: 'race' | 'scaled') => syncs.filter(({ extra }) => extra?.[key]).length;
console.log(`Kubernetes ${version}: ${cases} cases, ${syncs.length} syncs, ${count('scaled')} of them rescales.`);
console.log(
  `${count('race')} syncs are not compared, since what the controller saw in them is not sure; and ${EDGE_SPECS.length} specs.`,
);
console.log(`Written to ${values.out}`);
console.log([`${found.length} differences`, ...found].join('\n'));
clearTimeout(limit);
process.exitCode = found.length > 0 ? 1 : 0;

/** Records all cases. Returns the version of Kubernetes. */
async function record(): Promise<string> {
  await using plane = await startControlPlane();
  const { api } = plane;
  console.log(`kube-apiserver ${plane.version} is up`);
  for (const { id, spec } of EDGE_SPECS) recorded.push(specCase(id, spec, await verdictOf(api, spec)));
  const stages = new Map<string, Stage>();
  await using _metrics = await serveMetrics(
    api,
    query => stages.get(query.namespace)?.reply(query) ?? { k: 'failed', code: 404 },
  );
  const watching = new AbortController();
  const watch = watchPods(api, watching.signal);
  const names = Object.keys(FLAGS);
  let number = 0;
  for (const [index, flags] of names.entries()) {
    const own = Math.floor((cases * (index + 1)) / names.length) - Math.floor((cases * index) / names.length);
    await using controllers = await plane.startControllers(FLAGS[flags]!);
    const played: Played[] = [];
    for (let begun = 0; begun < own; begun += batch) {
      const batched = Array.from({ length: Math.min(batch, own - begun) }, async (_, i) => {
        const group = GROUP_NAMES[number % GROUP_NAMES.length]!;
        const script = randomScript(group, seed * 10_000 + number, flags, FLAGS[flags]!.scaleToZero);
        const namespace = `case-${number}`;
        number += 1;
        const stage = stageOf(api, script, namespace, watch);
        stages.set(namespace, stage);
        await new Promise(resolve => setTimeout(resolve, (1000 * i) / batch));
        played.push(await stage.play());
      });
      await Promise.all(batched);
      console.log(`${flags}: ${begun + batched.length} of ${own} cases`);
    }
    const syncsOf = syncsByNamespace(plane.auditLog, controllers.log);
    for (const each of played.sort((a, b) => a.script.seed - b.script.seed))
      recorded.push(recordingOf(each, syncsOf(each.namespace, each.endMs), watch.of(each.namespace).ordinals()));
  }
  watching.abort();
  await watch.ended;
  return plane.version;
}

/** A spec that the API was only shown. */
function specCase(id: string, submitted: object, { code, message, spec }: Verdict): Recording {
  const flags = 'E';
  const specs = spec ? { specs: [{ t: 0, spec }] } : { rejected: { code, message }, specs: [] };
  return { id: `spec/${id}`, group: 'specs', flags, submitted, ...specs, syncs: [] };
}
