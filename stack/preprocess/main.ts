import { logAtOnce, runProgram } from '../service-program.ts';
import { servePreprocess } from './serve.ts';

/*
 * Program that prepares requests for models in a pool of workers.
 *
 *   LISTEN=127.0.0.1:8200 PREPROCESS_CONFIG='{"workers":4}' node stack/preprocess/main.ts
 *
 * Logs JSON lines to stdout. Exits with 0 after SIGTERM or SIGINT, with 1 and a message on stderr if it cannot start.
 */
await runProgram('preprocess', servePreprocess, logAtOnce());
