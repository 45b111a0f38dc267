import { logAtOnce, runProgram } from '../service-program.ts';
import { serveControl } from './serve.ts';

/*
 * Control service program: service discovery over Consul's HTTP API, and scaling of deployments over Kubernetes'.
 *
 *   LISTEN=127.0.0.1:8500 STACK_TOKEN=$(openssl rand -hex 32) CONTROL_CONFIG='{"deployments":[{"name":"inference","replicas":3}]}' node stack/control/main.ts
 *
 * Logs JSON lines to stdout, the first of which is `listening`. Exits with 0 after SIGTERM or SIGINT, with 1 and a message on stderr
 * if it cannot start.
 */
await runProgram('control', serveControl, logAtOnce());
