import { serveOrders } from '../session/serve-orders.ts';
import { runOnce } from './run-once.ts';

serveOrders(runOnce);
