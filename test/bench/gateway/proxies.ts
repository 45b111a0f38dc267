import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { findProgram } from '../../../harness/host/programs.ts';
import { freePort } from '../../faults/toxiproxy/servers.ts';
import { startLiteLlm } from '../../real/servers.ts';
import { eventually } from '../../until.ts';
import { versionOf } from '../tools.ts';

/** A server in front of the upstream, until it is disposed. */
export interface RunningProxy extends AsyncDisposable {
  /** What it is, with version and workers. */
  readonly name: string;
  /** Base URL, to which `/v1/chat/completions` is added. */
  readonly url: string;
  /** Its first process; those that it starts count as well. Undefined for none. */
  readonly pid: number | undefined;
  /** That requests need, besides `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Starts a proxy in front of `upstream`, a URL. @returns a reason instead where it is not installed */
export type StartProxy = (upstream: string) => Promise<RunningProxy | string>;

const TOOLS = resolve(import.meta.dirname, '../../../.tools');
const ROOM = '/v1/chat/completions';

/** One JSON completion, or one after another as fast as it is asked for, from a single worker of nginx. */
export async function startUpstream(body: string): Promise<RunningProxy> {
  const port = await freePort();
  const started = await startNginx(port, 1, `default_type application/json; return 200 '${body}';`);
  if (typeof started === 'string') throw new Error(started);
  return started;
}

/** nginx with one worker, as the gateway has one process, and kept connections to its upstream; buffering is off, so that tokens pass at once. */
export const nginx: StartProxy = async upstream =>
  startNginx(
    await freePort(),
    1,
    `proxy_pass http://upstream; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; proxy_read_timeout 60s;`,
    `upstream upstream { server ${new URL(upstream).host}; keepalive 1024; }`,
  );

async function startNginx(
  port: number,
  workers: number,
  location: string,
  upstreams = '',
): Promise<RunningProxy | string> {
  const program = findProgram('nginx');
  if (!program) return 'nginx is not installed (Debian: nginx-light)';
  const folder = mkdtempSync(join(tmpdir(), 'squall-bench-nginx-'));
  const config = join(folder, 'nginx.conf');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map(name => `${name}_temp_path ${join(folder, name)};`)
    .join(' ');
  writeFileSync(
    config,
    `daemon off; worker_processes ${workers}; pid ${join(folder, 'pid')}; error_log stderr error;
    events { worker_connections 8192; }
    http { access_log off; ${temporary} keepalive_requests 1000000; ${upstreams}
      server { listen 127.0.0.1:${port} backlog=4096; location / { ${location} } } }`,
  );
  const child = spawn(program.command, ['-e', 'stderr', '-c', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  const version = (await versionOf(program.command, '-v')).replace('nginx version: nginx/', '');
  return running(`nginx ${version}, ${workers} worker`, port, child, { folder });
}

/** HAProxy with one thread. */
export const haproxy: StartProxy = async upstream => {
  const program = findProgram('haproxy');
  if (!program) return 'HAProxy is not installed (Debian: haproxy)';
  const folder = mkdtempSync(join(tmpdir(), 'squall-bench-haproxy-'));
  const port = await freePort();
  const config = join(folder, 'haproxy.cfg');
  writeFileSync(
    config,
    `global
  nbthread 1
  maxconn 8192
defaults
  mode http
  option http-no-delay
  timeout connect 1s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend in
  bind 127.0.0.1:${port}
  default_backend out
backend out
  server one ${new URL(upstream).host}\n`,
  );
  const child = spawn(program.command, ['-db', '-f', config], { stdio: ['ignore', 'ignore', 'ignore'] });
  const [, version] = /version (\S+)/.exec(await versionOf(program.command, '-v')) ?? [];
  return running(`HAProxy ${version}, 1 thread`, port, child, { folder });
};

/** LiteLLM's proxy, one worker, without callbacks and without a database, as `npm run test:real` installs it. */
export const liteLlm: StartProxy = async upstream => {
  if (!existsSync(join(TOOLS, 'real/bin/python'))) return 'LiteLLM is not installed (`npm run test:real`)';
  const folder = mkdtempSync(join(tmpdir(), 'squall-bench-litellm-'));
  const key = 'sk-bench';
  const options = { folder, model: 'm', key, keyHeader: 'X-LiteLLM-Key', basePath: '', callbacks: [] };
  const server = await startLiteLlm({ ...options, upstreams: [`${upstream}/v1`] });
  const python = join(TOOLS, 'real/bin/python');
  const version = await versionOf(python, '-c', 'import importlib.metadata as m; print(m.version("litellm"))');
  return {
    ...{ name: `LiteLLM ${version}, 1 worker`, url: server.url, pid: server.pid },
    headers: { 'x-litellm-key': `Bearer ${key}` },
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
};

/** Portkey's gateway, one process, from `.tools/portkey`. */
export const portkey: StartProxy = async upstream => {
  const folder = join(TOOLS, 'portkey/node_modules/@portkey-ai/gateway');
  if (!existsSync(folder))
    return 'Portkey is not installed (`npm install --prefix .tools/portkey @portkey-ai/gateway`)';
  const port = await freePort();
  const main = join(folder, 'build/start-server.js');
  const child = spawn(process.execPath, [main, '--headless', `--port=${port}`], {
    stdio: 'ignore',
    env: { ...process.env, TRUSTED_CUSTOM_HOSTS: '127.0.0.1,localhost' },
  });
  const { version } = createRequire(import.meta.url)(join(folder, 'package.json')) as { version: string };
  const headers = {
    'x-portkey-provider': 'openai',
    'x-portkey-custom-host': `${upstream}/v1`,
    authorization: 'Bearer none',
  };
  return running(`Portkey ${version}, 1 process`, port, child, { headers });
};

interface Kept {
  readonly headers?: Readonly<Record<string, string>>;
  /** Removed in the end. */
  readonly folder?: string;
}

/** Waits until a program listens. @throws if it does not within 30 s */
async function running(name: string, port: number, child: ChildProcess, kept: Kept = {}): Promise<RunningProxy> {
  const url = `http://127.0.0.1:${port}`;
  const exited = once(child, 'exit');
  const responds = () =>
    fetch(`${url}${ROOM}`, { method: 'POST', body: '{}', ...(kept.headers && { headers: kept.headers }) }).then(
      () => true,
      () => false,
    );
  if (!(await eventually(responds, 30_000))) throw new Error(`${name} does not listen`);
  return {
    ...{ name, url, pid: child.pid, headers: kept.headers ?? {} },
    [Symbol.asyncDispose]: async () => {
      // nginx's master ends its workers.
      child.kill('SIGTERM');
      await Promise.race([exited, new Promise(resolveLate => setTimeout(resolveLate, 3000).unref())]);
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await exited;
      }
      if (kept.folder) rmSync(kept.folder, { recursive: true, force: true });
    },
  };
}
