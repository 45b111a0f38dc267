import { logInBatches, runProgram } from '../service-program.ts';
import { serveGateway } from './serve.ts';

/*
 * Gateway program.
 *
 * Environment: `LISTEN=127.0.0.1:8080`, `GATEWAY_CONFIG='{"upstreams":[{"name":"a","url":"http://127.0.0.1:8000"}]}'`.
 * Logs JSON lines to stdout, the first of which is `listening`. SIGTERM or SIGINT drains and exits with 0; an invalid setting or a
 * port in use prints one line to stderr and exits with 1.
 */
await runProgram('gateway', serveGateway, logInBatches());
