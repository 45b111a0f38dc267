import { serveOrders } from '../session/serve-orders.ts';
import { runVariant } from './variant-run.ts';

serveOrders(runVariant);
