import type { WorkerFailure } from '../../harness/host/worker.ts';

/** Documented exit codes of k6 (`errext/exitcodes`) that a person can do something about. */
const BY_EXIT_CODE: Readonly<Record<number, { code: string; what: string; next: string }>> = {
  99: {
    code: 'K6_THRESHOLDS',
    what: 'ended because of its own thresholds',
    next: 'Remove the thresholds from the script: objectives belong in `slos`, where they are judged with intervals.',
  },
  104: {
    code: 'K6_BAD_CONFIG',
    what: 'rejected its options',
    next: 'Correct the options; it does not see variables that begin with K6_.',
  },
  105: { code: 'K6_STOPPED', what: 'was ended by an external signal', next: 'Run it again.' },
  107: { code: 'K6_SCRIPT_FAILED', what: 'threw an exception in its script', next: 'Correct the script.' },
  108: { code: 'K6_SCRIPT_FAILED', what: 'was aborted by its script', next: 'Correct the script.' },
  110: { code: 'K6_MARKED_FAILED', what: 'was marked as failed by its script', next: 'Correct the script.' },
};

/** How a k6 ended. */
export interface K6Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** Last lines that k6 itself logged. */
  readonly lastLogLines: readonly string[];
}

/** Failure of a k6 that ended unexpectedly. */
export function failureOf({ code, signal, lastLogLines }: K6Exit): WorkerFailure {
  const known = BY_EXIT_CODE[code ?? -1];
  const how = known?.what ?? (signal ? `was killed by ${signal}` : `ended unexpectedly`);
  const log = lastLogLines.length > 0 ? `. Its last log lines:\n${lastLogLines.join('\n')}` : '';
  return {
    kind: 'environment',
    code: known?.code ?? 'LOAD_ENGINE_DIED',
    message: `k6 ${how} (${code === null ? `signal ${signal}` : `exit code ${code}`})${log}`,
    next: known?.next ?? 'Read load.log in the run directory.',
  };
}
