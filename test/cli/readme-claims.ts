/** A claim of README or of a page in docs that can be run, and the test that runs it. */
interface Claim {
  /** Its words, on one line. */
  readonly says: string;
  readonly test: string;
  /** Part of its title, as its file has it. */
  readonly title: string;
}

const claim = (says: string, test: string, title: string): Claim => ({ says, test: `test/${test}`, title });

export const CLAIMS: readonly Claim[] = [
  // Try it
  claim(
    'It drives a ramp of streaming requests, slows one link down, kills a replica',
    'e2e/run.test.ts',
    'passes, leaves its artifacts',
  ),
  claim('and no traffic leaves the machine', 'faults/slow-http/target.test.ts', 'refuses another machine'),
  claim(
    'stored run can be judged and rendered again, byte for byte',
    'e2e/run.test.ts',
    'is judged and rendered again to the same',
  ),
  claim(
    'A run whose fault had no observable effect is invalid',
    'e2e/virtual.test.ts',
    'is invalid with exit 2 when a fault has no observable effect',
  ),
  claim(
    '`squall prove` removes that safeguard and requires exactly that SLO to fail',
    'e2e/prove.test.ts',
    'what takes nothing away proves nothing and exits 1',
  ),
  claim(
    'so a stalled server cannot slow down the load',
    'load/measurement.test.ts',
    'shows a stall of 2 s as latencies that fall from 2 s to 0',
  ),
  claim('an empty window never passes', 'reports/judge/gauges.test.ts', 'without enough samples nothing passes'),
  // Commands and exit codes
  claim('| 1 | an SLO failed', 'e2e/virtual.test.ts', 'fails with exit 1 when an SLO does not hold'),
  claim('| 4 | environment or harness failure', 'e2e/without-redis.test.ts', 'refused with exit 4'),
  claim(
    '| 130 | interrupted: healed, taken down, reported',
    'e2e/run.test.ts',
    'heals, takes everything down and reports what it saw when interrupted',
  ),
  claim(
    'npx squall up <scenario>',
    'e2e/up.test.ts',
    'keeps a stack that can be used by hand, and takes it down on Ctrl-C',
  ),
  claim('npx squall capacity burst-gamma', 'e2e/capacity-search.test.ts', 'finds the edge between rates that meet'),
  claim('npx squall capacity ./mine.yaml --target', 'e2e/capacity-target.test.ts', 'finds the capacity of a server'),
  claim('npx squall compare <a> <b>', 'e2e/variants.test.ts', 'has runs that can be compared by themselves'),
  claim('npx squall compare <base> <candidate>', 'e2e/variants.test.ts', 'has runs that can be compared by themselves'),
  claim('npx squall tune hpa ./inference-hpa.yaml', 'e2e/tune.test.ts', 'finds one that costs less and keeps the SLOs'),
  claim(
    'Ctrl-C keeps the best file so far, which says that it is not confirmed',
    'e2e/tune.test.ts',
    'keeps the best file so far when it is interrupted',
  ),
  claim(
    'it is dropped, these seeds become training seeds',
    'scenarios/tune/search.test.ts',
    'reject a point that the training seeds flatter',
  ),
  claim(
    'less time gives the beginning of the same search',
    'scenarios/tune/search.test.ts',
    'runs the same in the same order for the same seed, and less of it in less time',
  ),
  // Suites
  claim('npx squall suite smoke', 'e2e/suite.test.ts', 'goes on after failures, and lists what cannot run'),
  claim(
    'npx squall suite nightly --history reports/history --keep-days 365',
    'e2e/trend.test.ts',
    'is kept by the suites themselves',
  ),
  claim(
    'so a suite that was interrupted is not appended: resume it with `--history`',
    'e2e/trend.test.ts',
    'does not get a suite that was interrupted before it was resumed',
  ),
  claim('becomes one Parquet file that is never written again', 'e2e/trend.test.ts', 'and never writes a night again'),
  claim(
    'no more than one page in twenty shows any where nothing has changed',
    'reports/trend/change-points.test.ts',
    'shows one in no more than one of twenty cases',
  ),
  claim('npx squall suite nightly', 'e2e/suite.test.ts', 'shows what would run'),
  claim(
    'which gives what one uninterrupted suite would have given',
    'e2e/suite.test.ts',
    'ends the same when it was killed in the middle and resumed',
  ),
  claim('counts as damaged, never as passed', 'e2e/suite.test.ts', 'names a run whose files were changed'),
  claim(
    'npx squall suite <suite> --baseline',
    'e2e/suite.test.ts',
    'finds what is worse than the last suite of a branch by name, and nothing where nothing is',
  ),
  claim('npx squall compare --baseline', 'e2e/suite.test.ts', 'finds what is worse than the last suite of a branch'),
  claim('it is written to no file', 'cli/notify.test.ts', 'changes no verdict, and stays out of all files of a run'),
  claim(
    'never that of a fork',
    'ci/action.test.ts',
    'is compared with the last one of a branch, not with that of a fork',
  ),
  claim('which each push brings up to date', 'ci/action.test.ts', 'comments once with what changed'),
  claim('promtool tsdb create-blocks-from', 'reports/render/metrics.test.ts', 'is stored by Prometheus as it is'),
  claim('Runs are never outvoted', 'reports/suite.test.ts', 'are never outvoted'),
  claim('npx squall k6-operator', 'load/k6/manifest.test.ts', 'prints a valid TestRun'),
  claim('npx squall doctor', 'e2e/without-redis.test.ts', 'doctor says what to do'),
  claim('npx squall doctor --target', 'e2e/doctor-target.test.ts', 'tells what a server speaks, in a few requests'),
  claim('npx squall prove ./slow-link.yaml', 'e2e/prove.test.ts', 'passes and fails as README says'),
  claim('Requests in flight at that instant', 'e2e/kill-windows.test.ts', 'belong to the kill'),
  // Your own server
  claim(
    'Squall starts the fault proxy in front of the server',
    'e2e/target.test.ts',
    'passes, with a link fault that takes effect, and names the target but not the token',
  ),
  claim(
    'TLS passes through the proxy unopened',
    'e2e/target.test.ts',
    'speaks TLS to a server by its own name, through the link',
  ),
  claim('needs `--i-own-this-target`', 'e2e/target.test.ts', 'somebody else'),
  claim('Together the segments are exactly the schedule', 'e2e/segments.test.ts', 'is, merged, what one run is'),
  claim('npx squall merge <the three run directories>', 'e2e/segments.test.ts', 'is, merged, what one run is'),
  claim(
    '`--workers n` has n processes drive one schedule',
    'load/workers.test.ts',
    'sends each arrival of the schedule once',
  ),
  // Load
  claim(
    'A **request** is one record, however many attempts it takes',
    'load/clients.test.ts',
    'make one request of several attempts',
  ),
  claim('The request is `abandoned`', 'load/clients.test.ts', 'do not try again when they have left'),
  claim("Azure's CSV, Mooncake's JSON lines", 'load/trace.test.ts', 'Mooncake'),
  claim('a different file is rejected', 'load/trace.test.ts', 'is refused when one byte of the file has changed'),
  claim(
    'Every engine can send it, and judges it by the same rules',
    'load/plain-http.test.ts',
    'what the scenario says',
  ),
  claim(
    'each connection replaced after 10 requests',
    'load/connections.test.ts',
    'shares the requests of a name equally among its addresses, and replaces connections',
  ),
  // Engines
  claim(
    'What an engine does not support is rejected with the name of the field',
    'load/engines.test.ts',
    'refuses objectives on what an engine does not see',
  ),
  claim('nothing is pulled', 'docker/k6-container.test.ts', 'is never pulled'),
  claim(
    'records an arrival that finds them all busy as dropped',
    'load/k6/engine.test.ts',
    'drops and records what finds every virtual user busy',
  ),
  claim(
    'A virtual user of a closed loop behaves as a user of `stream` does',
    'load/k6/engine.test.ts',
    'drives the users of a closed loop',
  ),
  // Attacks
  claim('npx squall attack slow-headers', 'e2e/attack.test.ts', 'calls a small pool without deadlines down'),
  claim('npx squall attack hijack-prompt', 'e2e/attack.test.ts', 'asks a language model for chat on request'),
  claim(
    '`defended` (all pass, exit 0)',
    'e2e/attack.test.ts',
    'calls the same pool with deadlines defended, and exits 0',
  ),
  claim('Too weak is not defended', 'e2e/attack.test.ts', 'too weakly attacked, and exits 2'),
  claim('Ctrl-C ends an attack within two seconds', 'e2e/attack.test.ts', 'ends within two seconds of Ctrl-C'),
  claim('the attack runs inside TLS and accepts any certificate', 'e2e/attack.test.ts', 'attacks over TLS'),
  // Containers
  claim(
    'runs the same scenario file, unchanged, on a stack of containers',
    'docker/run.test.ts',
    'runs unchanged: both faults take effect and heal',
  ),
  claim(
    'services know only the addresses of their links',
    'docker/platform.test.ts',
    'is only reachable from another zone through the fault proxy',
  ),
  claim('is killed and reported as `OOM`', 'docker/node-faults.test.ts', 'the kernel kills what uses more'),
  claim('It can write to 64 MiB of in-memory `/tmp`', 'docker/platform.test.ts', 'can write only to scratch space'),
  claim(
    'after a `kill -9` the watchdog does, within 15 s',
    'docker/cleanup.test.ts',
    'leaves no container and no network',
  ),
  claim('All run as an unprivileged user', 'docker/images.test.ts', 'runs as an unprivileged user'),
  // What a run leaves, and how realistic its parts are
  claim('holds `report.html` (self-contained), `run.json`', 'e2e/run.test.ts', 'leaves its artifacts'),
  claim(
    'If another version is found or a pinned part is missing, the run is rejected',
    'e2e/without-redis.test.ts',
    'a replay with other versions is refused',
  ),
  claim(
    '`npm test` repeats the comparison',
    'stack/inference/calibration.test.ts',
    'preempts only where the published workload exceeds the KV cache',
  ),
  claim('reloads that lose no request', 'stack/edge/tls.test.ts', 'drops no request'),
  claim(
    'no request fails or waits for Redis',
    'stack/gateway/limits/shared-limits.test.ts',
    'Redis killed under load: no request fails',
  ),
  claim('one atomic script', 'stack/gateway/limits/shared-limits.test.ts', 'hold across both when shared'),
  claim(
    'recording rules and alerts',
    'stack/observability/prometheus.test.ts',
    'an alert is pending, fires and resolves',
  ),
  claim(
    "Consul's own JavaScript client",
    'stack/control/consul-client.test.ts',
    'the client registers, passes, fails and deregisters',
  ),
  claim('an embedded proxy with the same API', 'faults/toxiproxy/api.test.ts', 'API of'),
  // The reference stack
  claim('npx squall audit verify', 'cli/audit.test.ts', 'names the first wrong line'),
  // Any dialect, any request
  claim(
    'is read over, and the first of each kind is a warning in the report',
    'load/dialects.test.ts',
    'what becomes of an answer',
  ),
  claim('A response without a token is a failure (`empty`)', 'load/dialects/failing.ts', 'no token in one of five'),
  claim('any OpenAI-compatible server (vLLM, SGLang, llama.cpp', 'real/llama.test.ts', 'a real llama.cpp server'),
];
