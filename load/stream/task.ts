import type { HttpExpectation } from '../../harness/plan.ts';
import type { RequestRecord } from '../../harness/requests.ts';
import type { HttpRequest } from '../request/request.ts';
import type { Connections, ConnectionUser } from './wire/connections.ts';

/** Request to send, and its place in the schedule. */
export interface RequestTask extends HttpRequest {
  readonly index: number;
  readonly scheduledMs: number;
  readonly stage: string;
  /** Expected response of plain HTTP; null for that of an inference server. */
  readonly expect: HttpExpectation | null;
  /** Whether a stream is asked for. @default true */
  readonly stream?: boolean | undefined;
  /** Further fields of the record: class, session, turn. */
  readonly labels: Pick<RequestRecord, 'class' | 'session' | 'turn'>;
  /** Who sends it, where users have connections of their own. */
  readonly user?: ConnectionUser | undefined;
}

/** Destination of requests. */
export interface Target {
  /** Path of its URL, without a slash at the end. */
  readonly prefix: string;
  readonly connections: Connections;
}
