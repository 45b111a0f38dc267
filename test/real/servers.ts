import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from '../faults/toxiproxy/servers.ts';
import { missing } from '../require.ts';
import { eventually } from '../until.ts';

const INSTALLED = resolve(import.meta.dirname, '../../.tools/real');
const MODEL = join(INSTALLED, 'random.gguf');

/** False where `npm run test:real` has installed the servers, else the reason to skip. */
export const notInstalled = missing('real servers', existsSync(MODEL));

/** A server of somebody else, until it is disposed. */
export interface RealServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** Starts llama.cpp's server with a random model of 9 million parameters. @param slots requests at a time; others wait for one */
export async function startLlamaServer(slots: number): Promise<RealServer> {
  const program = join(import.meta.dirname, 'fixtures/llama-server.py');
  const child = spawn(join(INSTALLED, 'bin/python'), [program, MODEL, String(slots)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const [url] = await Promise.race([
    once(createInterface(child.stdout!), 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`llama-server.py exited with ${code}`))),
  ]);
  return { url: url as string, pid: child.pid!, [Symbol.asyncDispose]: () => end(child) };
}

/** What LiteLLM is told. */
export interface LiteLlmOptions {
  /** For its configuration. */
  readonly folder: string;
  /** As the upstreams call it; clients call it `my-model`. */
  readonly model: string;
  /** Base URLs. */
  readonly upstreams: readonly string[];
  /** That clients must send, in this header. */
  readonly key: string;
  readonly keyHeader: string;
  readonly basePath: string;
  /** @default its metrics for Prometheus */
  readonly callbacks?: readonly string[];
}

/** Starts LiteLLM's proxy, which deals requests out at random and tries none twice. */
export async function startLiteLlm(options: LiteLlmOptions): Promise<RealServer> {
  const { folder, model, upstreams, key, keyHeader, basePath, callbacks = ['prometheus'] } = options;
  const config = join(folder, 'litellm.json');
  const deployment = (url: string) => ({
    model_name: 'my-model',
    litellm_params: { model: `openai/${model}`, api_base: url, api_key: 'none' },
  });
  const settings = {
    model_list: upstreams.map(deployment),
    litellm_settings: { callbacks },
    router_settings: { routing_strategy: 'simple-shuffle', num_retries: 0, disable_cooldowns: true },
    general_settings: { master_key: key, litellm_key_header_name: keyHeader },
  };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settings));
  // It takes no port 0.
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ['--config', config, '--host', '127.0.0.1', '--port', String(port), '--telemetry', 'False'];
  // Its own list of prices, and no word to its makers.
  const env = { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True', SERVER_ROOT_PATH: basePath };
  const child = spawn(join(INSTALLED, 'bin/python'), ['-c', 'from litellm import run_server; run_server()', ...args], {
    env,
    stdio: 'ignore',
  });
  const isUp = () =>
    fetch(`${url}${basePath}/health/liveliness`).then(
      ({ ok }) => ok,
      () => false,
    );
  if (!(await eventually(isUp, 90_000))) throw new Error('LiteLLM did not start');
  return { url, pid: child.pid!, [Symbol.asyncDispose]: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Value of a counter or gauge without labels in a server's `/metrics`. */
export async function metricOf(server: RealServer, name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(
    text
      .split('\n')
      .find(line => line.startsWith(`${name} `))!
      .split(' ')[1],
  );
}
