import { serveOrders } from '../session/serve-orders.ts';
import type { Schedule } from './schedule.ts';
import { type TrialSubject, tryHere } from './trial.ts';

/** What a worker is sent. */
export interface Order {
  readonly subject: TrialSubject;
  readonly schedule: Schedule;
}

serveOrders(({ subject, schedule }: Order) => tryHere(subject, schedule));
