import { logAtOnce, runProgram } from '../service-program.ts';
import { serveAutoscaler } from './serve.ts';

/*
 * Autoscaler program: the HorizontalPodAutoscaler of Kubernetes, which scales a deployment over the Scale API of a control service.
 *
 *   LISTEN=127.0.0.1:8090 STACK_TOKEN=… AUTOSCALER_CONFIG='{"control":"http://127.0.0.1:8500","hpa":{…},"sources":[…]}' node stack/autoscaler/main.ts
 *
 * Logs JSON lines to stdout, one for each decision. Exits with 0 after SIGTERM or SIGINT, and leaves the replicas as they are.
 */
await runProgram('autoscaler', serveAutoscaler, logAtOnce());
