import { logInBatches, runProgram } from '../service-program.ts';
import { serveCollector } from './serve.ts';

/*
 * Collector program: receives spans over OTLP/HTTP in JSON, and writes each as a line of its log, `"msg":"span"`.
 *
 *   LISTEN=127.0.0.1:4318 node stack/collector/main.ts
 *
 * Logs JSON lines to stdout, the first of which is `listening`. Exits with 0 after SIGTERM or SIGINT, with 1 and a message on stderr
 * if it cannot start.
 */
await runProgram('collector', serveCollector, logInBatches());
