import { NEVER } from '../../harness/clock.ts';
import { serveOrders } from '../session/serve-orders.ts';
import { runOne, type SuiteOrder } from './run-one.ts';

serveOrders((order: SuiteOrder) => runOne(order, NEVER));
