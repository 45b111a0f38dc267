import { availableParallelism } from 'node:os';
import { relative } from 'node:path';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { userCache } from './harness/host/private-folder.ts';

// Programs that tests start find their code compiled, and so do the workers of Vitest.
process.env.NODE_COMPILE_CACHE ??= userCache('compiled');

// Five kinds of tests. `unit` and `virtual` compute, the latter whole runs in virtual time: as many files at once as there are cores. The
// others come one kind after the other. `processes` starts programs and mostly waits for them: twice as many. `careful` needs clients that
// are nearly on time: one file a core. `alone` asserts on times or ratios that any neighbour would change: one by one. What is `thorough` takes
// too long for every change on a laptop, and is run before one lands (`npm run test:thorough`).
const careful = [
  'test/load/{dialects,outcomes}.test.ts',
  'test/load/k6/outcomes.test.ts',
  'test/faults/toxiproxy/{toxics,data-toxics}.test.ts',
];
const alone = ['test/e2e/run.test.ts', 'test/load/stream/pacer.test.ts', 'test/stack/observability/scraper.test.ts'];
const thorough = {
  processes: [
    'test/docker/{cleanup,complete-stack,faults,images,node-faults,parts,platform}.test.ts',
    'test/e2e/{compare-rates,complete-stack,killed-long,dry-run,package,suite,suite-target,without-redis}.test.ts',
    'test/explore/planted.test.ts',
    'test/load/{autocannon,own-name,plain-http}.test.ts',
    'test/faults/toxiproxy/transport.test.ts',
    'test/faults/network/zone-partition.test.ts',
    'test/reports/render/html/{axe,browser}.test.ts',
    'test/stack/gateway/{clients/clients,connections/{caps,slow-clients},hostile/kills,upstream/discovery-outage}.test.ts',
    'test/stack/observability/{rules,dashboards/evaluate}.test.ts',
  ],
  careful: [
    'test/docker/{k6-container,run}.test.ts',
    'test/e2e/{attack-faults,capacity,engine-choice,k6-segments,kill-windows,requests,segments,toxics}.test.ts',
    'test/load/clients.test.ts',
    'test/stack/autoscaler/prometheus/real.test.ts',
    'test/stack/gateway/hostile/hostile.test.ts',
    'test/faults/network/toxic-faults.test.ts',
    'test/faults/slow-http/attacker.test.ts',
  ],
  alone: [
    'test/e2e/{attack,capacity-target,drains,target}.test.ts',
    'test/faults/slow-http/against-slowhttptest.test.ts',
    'test/faults/toxiproxy/{fuzz,conformance/*}.test.ts',
    'test/load/{measurement,k6/engine}.test.ts',
    'test/stack/gateway/limits/shared-limits.test.ts',
  ],
};
const unit = [
  'test/*.test.ts',
  'test/bench/platforms.test.ts',
  'test/cli/{broken-runs,dry-run,options,own-node,progress,stored,terminal}.test.ts',
  'test/harness/*.test.ts',
  'test/harness/{arrivals,http,input,retry}/*.test.ts',
  'test/harness/host/{client-tls,private-folder,proxies,target}.test.ts',
  'test/reports/*.test.ts',
  'test/reports/{compare,trend}/*.test.ts',
  'test/reports/{judge,store}/**/*.test.ts',
  'test/reports/render/{metrics,renderers}.test.ts',
  'test/reports/render/html/{figures,render-html}.test.ts',
  'test/scenarios/**/*.test.ts',
  'test/faults/node/packages.test.ts',
  'test/faults/slow-http/{responses,scripts,target}.test.ts',
  'test/faults/toxiproxy/toxics/stages.test.ts',
  'test/load/{upstream,engines,journal,plan,request,trace,workload}.test.ts',
  'test/load/k6/{control,recorder}.test.ts',
  'test/load/stream/{addresses,chunk,due-queue,failure,redirect,retry,stream-options,tally,users}.test.ts',
  'test/load/stream/response/*.test.ts',
  'test/platform/{addresses,port-plan,restart-policy,supervisor,topology}.test.ts',
  'test/platform/docker/{freeze,layout,images/*}.test.ts',
  'test/stack/service-program.test.ts',
  'test/stack/autoscaler/{activation,manifest,keda,keda-queries,measure,decision-text}.test.ts',
  'test/stack/autoscaler/{hpa,policy}/*.test.ts',
  'test/stack/autoscaler/prometheus/values.test.ts',
  'test/stack/capacity/*.test.ts',
  'test/stack/control/{parts,registry}.test.ts',
  'test/stack/edge/certificates.test.ts',
  'test/stack/gateway/{bad-parts,config,virtual-time}.test.ts',
  'test/stack/gateway/accounting/{accounting,interleavings,meter,quotas}.test.ts',
  'test/stack/gateway/{admin,admission,balancing}/*.test.ts',
  'test/stack/gateway/batch/{admission,batch-service,contents,kills,multipart}.test.ts',
  'test/stack/gateway/release/{burn,release,weighted-choice}.test.ts',
  'test/stack/gateway/connections/{addresses,connections}.test.ts',
  'test/stack/gateway/forward/{deadlines,output,queue,queue-spread}.test.ts',
  'test/stack/gateway/http/{authentication,json-depth,trace-context}.test.ts',
  'test/stack/gateway/identity/{fuzz,keys,requests,revocations,token-endpoint}.test.ts',
  'test/stack/gateway/audit/*.test.ts',
  'test/stack/gateway/guard/{secrets,response-filter}.test.ts',
  'test/stack/gateway/limits/limiter.test.ts',
  'test/stack/gateway/{merge/*,cache/{response-cache,sealing,substitutes}}.test.ts',
  'test/stack/{collector,gateway/tracing,gateway/encryption}/*.test.ts',
  'test/stack/gateway/upstream/{breaker,discovery,ejection,health,upstreams,zombies}.test.ts',
  'test/stack/inference/{calibration,engine,parts,prefix-cache}.test.ts',
  'test/stack/observability/{exposition,metrics-text,products,response-cache,dashboards/names}.test.ts',
  'test/stack/preprocess/*.test.ts',
  'test/stack/redis/{connector,render-redis-config}.test.ts',
];

/** Whole runs in virtual time. */
const virtual = ['test/e2e/{autoscaler,capacity-search,explore,proofs,prove,trend,tune,variants,virtual}*.test.ts'];

/**
 * Started before all others, the longest first, so that no long file is left to run alone at the end. Those that wait for containers
 * alternate with those that compute.
 */
const LONG = [
  ...['e2e/proofs', 'e2e/explore', 'e2e/virtual', 'e2e/virtual-faults', 'e2e/prove'],
  ...['docker/platform', 'reports/render/html/browser', 'docker/node-faults', 'stack/gateway/connections/slow-clients'],
  ...['docker/faults', 'load/plain-http', 'docker/images', 'e2e/bad-input', 'e2e/package'],
  ...['docker/complete-stack', 'stack/observability/rules', 'faults/toxiproxy/transport', 'e2e/complete-stack'],
  ...['e2e/without-redis', 'load/autocannon', 'e2e/doctor-target', 'faults/network/zone-partition', 'docker/cleanup'],
  ...['stack/gateway/upstream/discovery-outage', 'platform/platform', 'platform/supervision', 'load/own-name'],
  ...['faults/slow-http/against-slowhttptest', 'e2e/target', 'e2e/attack', 'faults/slow-http/attacker', 'e2e/segments'],
  ...[
    'e2e/run',
    'docker/k6-container',
    'docker/run',
    'load/outcomes',
    'load/clients',
    'e2e/k6-segments',
    'e2e/requests',
    'e2e/toxics',
  ],
].map(name => `test/${name}.test.ts`);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const file = relative(import.meta.dirname, moduleId);
      const place = LONG.indexOf(file);
      return place < 0 ? LONG.length : place;
    };
    // The rest as Vitest would.
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

function project(
  name: string,
  include: string[],
  options: TestProjectInlineConfiguration['test'],
  testTimeout = 30_000,
) {
  return { extends: true as const, test: { name, include, testTimeout, ...options } };
}

/** A project of tests that wait or measure, which runs once those before it are over. @param maxWorkers files at once */
function timed(name: string, include: string[], maxWorkers: number, groupOrder: number, exclude: string[] = []) {
  return project(name, include, { exclude, maxWorkers, sequence: { groupOrder } }, 120_000);
}

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    reporters: ['default', './test/slowest.ts'],
    sequence: { sequencer: LongFirst },
    // Of the tests of a file that say they may run side by side.
    maxConcurrency: 3,
    projects: [
      // By default Vitest leaves a core to itself, and runs what has a single worker after all others.
      project('unit', unit, { isolate: false, maxWorkers: availableParallelism() }),
      project('virtual', virtual, { maxWorkers: availableParallelism() }, 120_000),
      ...['', 'thorough-'].flatMap((prefix, index) => {
        const { processes, ...own } = prefix ? thorough : { processes: ['test/**/*.test.ts'], careful, alone };
        const exclude = prefix
          ? []
          : [...unit, ...virtual, ...careful, ...alone, ...Object.values(thorough).flat(), 'test/real/**'];
        const order = 1 + 3 * index;
        return [
          timed(`${prefix}processes`, processes, 2 * availableParallelism(), order, exclude),
          timed(`${prefix}careful`, own.careful, availableParallelism(), order + 1),
          timed(`${prefix}alone`, own.alone, 1, order + 2),
        ];
      }),
    ],
  },
});
