import { serveOrders } from '../session/serve-orders.ts';
import { runStep } from './run-step.ts';

serveOrders(runStep);
