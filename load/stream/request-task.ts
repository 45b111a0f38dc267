import type { HttpExpectation } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import type { HttpRequest } from '../request/request.ts';

/** What a request is: where in the schedule, and the bytes to send. */
export interface RequestTask extends HttpRequest {
  readonly index: number;
  readonly scheduledMs: number;
  readonly stage: string;
  /** What a plain answer must be; null for a streamed chat completion. */
  readonly expect: HttpExpectation | null;
  /** Further fields of the record: class, session, turn. */
  readonly labels: Pick<RequestRecord, 'class' | 'session' | 'turn'>;
}
