import type { HttpExpectation } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';

/** What a request is: where in the schedule, and the bytes to send. */
export interface RequestTask {
  readonly index: number;
  readonly scheduledMs: number;
  readonly stage: string;
  readonly promptTokens: number;
  readonly method: string;
  /** Below the target's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null for none. */
  readonly body: string | null;
  /** What a plain answer must be; null for a streamed chat completion. */
  readonly expect: HttpExpectation | null;
  /** Further fields of the record: class, session, turn. */
  readonly labels: Pick<RequestRecord, 'class' | 'session' | 'turn'>;
}
