import type { WorkerFailure } from '../../harness/host/worker.ts';

/** Exit codes that k6 documents (`errext/exitcodes`), for the ends that a person can do something about. */
const BY_EXIT_CODE: Readonly<Record<number, { code: string; what: string; next: string }>> = {
  99: {
    code: 'K6_THRESHOLDS',
    what: 'ended because of its own thresholds',
    next: 'Take the thresholds out of the script: objectives belong into `slos`, where they are judged with intervals.',
  },
  104: {
    code: 'K6_BAD_CONFIG',
    what: 'did not accept its options',
    next: 'Correct the options; variables that begin with K6_ are kept from it.',
  },
  105: { code: 'K6_STOPPED', what: 'was ended by a signal from outside', next: 'Run it again, undisturbed.' },
  107: { code: 'K6_SCRIPT_FAILED', what: 'met an exception in its script', next: 'Correct the script.' },
  108: { code: 'K6_SCRIPT_FAILED', what: 'was aborted by its script', next: 'Correct the script.' },
  110: { code: 'K6_MARKED_FAILED', what: 'was marked as failed by its script', next: 'Correct the script.' },
};

/** Explains how k6 ended when it should not have; `lastWords` are the last lines it logged. */
export function failureOf(
  exitCode: number | null,
  signal: string | null,
  lastWords: readonly string[],
): WorkerFailure & { readonly kind: 'environment' } {
  const known = BY_EXIT_CODE[exitCode ?? -1];
  const how = known?.what ?? (signal ? `was killed by ${signal}` : `ended unexpectedly`);
  const said = lastWords.length > 0 ? `. Its last words:\n${lastWords.join('\n')}` : '';
  return {
    kind: 'environment',
    code: known?.code ?? 'LOAD_ENGINE_DIED',
    message: `k6 ${how} (${exitCode === null ? `signal ${signal}` : `exit code ${exitCode}`})${said}`,
    next: known?.next ?? 'Read load.log in the run directory.',
  };
}
