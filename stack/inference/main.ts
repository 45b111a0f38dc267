import { logAtOnce, runProgram } from '../service-program.ts';
import { serveInference } from './serve.ts';

/*
 * GPU inference simulator program.
 *
 *   LISTEN=127.0.0.1:8000 INFERENCE_CONFIG='{"name":"inference-1","timeScale":20}' node stack/inference/main.ts
 *
 * Logs JSON lines to stdout. Exits with 0 after SIGTERM or SIGINT, with 1 and a message on stderr if it cannot start.
 */
await runProgram('inference', serveInference, logAtOnce());
