import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Command } from 'commander';
import { systemClock } from '../harness/clock.ts';
import type { RunningStack } from '../harness/contracts.ts';
import type { Login } from '../harness/http/login.ts';
import type { RunPlan } from '../harness/plan.ts';
import { openRunDirectory } from '../scenarios/session/run-directory.ts';
import { platformOf } from '../scenarios/session/session.ts';
import { listenerToken } from '../stack/token.ts';
import { loadScenario } from './load-scenario.ts';
import { type RunOptions, SCENARIO, wholeNumber, withRunOptions } from './options.ts';
import { paint, printJson, say } from './terminal.ts';

/** Defines `squall up <scenario>`, which runs the stack alone until Ctrl-C. */
export function defineUp(command: Command, signal: AbortSignal): void {
  withRunOptions(command)
    .argument('<scenario>', SCENARIO)
    .option(
      '--ports <base>',
      'fixed ports from this one on, the same at each start, by the names of services and links, e.g. 21000 (default: any free ones)',
      wholeNumber(1024, 65_535),
    )
    .action(async (name: string, options: RunOptions & { readonly ports?: number }) => {
      const { compiled } = await loadScenario(name, options, signal);
      const { plan, topology } = compiled;
      const stream = options.json || options.quiet ? process.stderr : process.stdout;
      const { directory, environment } = openRunDirectory(plan.scenario, options.out, systemClock);
      const platform = await platformOf(compiled);
      const observer = {
        replica: ({ replica, state, detail }: { replica: string; state: string; detail?: string }) =>
          say(stream, `${replica} ${state}${detail ? ` (${detail})` : ''}`),
      };
      await using stack = await platform.up(topology, {
        runId: environment.id,
        seed: plan.seed,
        directory,
        observer,
        ...(options.ports !== undefined && { ports: options.ports }),
        signal,
        clock: systemClock,
      });
      const authority = writeAuthority(stack, directory);
      const tokenFile = writeSecret(directory, 'token', stack.token);
      const adminToken = stack.token && listenerToken(stack.token, 'admin');
      const adminTokenFile = writeSecret(directory, 'admin-token', adminToken);
      const prometheus = prometheusAccess(stack, directory);
      if (options.json) {
        const { entries, authorization, proxyApiUrl, proxyToken, links } = stack;
        const replicas = stack.replicas.map(({ name, service, url, listeners, pid }) => ({
          ...{ name, service, url, listeners, pid },
        }));
        printJson({
          entries,
          authority,
          authorization,
          tokenFile,
          adminTokenFile,
          prometheus,
          proxyApiUrl,
          proxyToken,
          links,
          replicas,
          logs: directory,
        });
      } else say(stream, '', ...guide(stack, plan, { authority, tokenFile, adminTokenFile, prometheus, directory }));
      // An interrupt is the normal end of this command.
      await untilAborted(signal);
      say(stream, 'stopping the stack');
    });
}

/** Writes the CA certificate of the entry, if it has TLS, beside the logs. @returns its path */
function writeAuthority({ entryCertificate }: RunningStack, directory: string): string | undefined {
  if (!entryCertificate) return undefined;
  const path = join(directory, 'authority.pem');
  writeFileSync(path, entryCertificate.authority, { mode: 0o600 });
  return path;
}

/** Writes a secret of the stack beside the logs, for this user only: output is logged. @returns its path */
function writeSecret(directory: string, name: string, secret = ''): string {
  const path = join(directory, name);
  writeFileSync(path, `${secret}\n`, { mode: 0o600, flag: 'wx' });
  return path;
}

/** How to read the stack's Prometheus. */
interface PrometheusAccess extends Pick<Login, 'username'> {
  readonly url: string;
  readonly passwordFile: string;
}

/** Writes the password of the stack's Prometheus, if it has one, into a file. */
function prometheusAccess({ links, prometheusLogin }: RunningStack, directory: string): PrometheusAccess | undefined {
  const link = links.find(({ name }) => name === 'operator→prometheus');
  if (!link || !prometheusLogin) return undefined;
  const { username, password } = prometheusLogin;
  const passwordFile = writeSecret(directory, 'prometheus-password', password);
  return { url: `http://${link.listen}`, username, passwordFile };
}

/** Paths to print. */
interface Files {
  readonly authority: string | undefined;
  readonly tokenFile: string;
  readonly adminTokenFile: string;
  readonly prometheus: PrometheusAccess | undefined;
  readonly directory: string;
}

function guide(stack: RunningStack, plan: RunPlan, files: Files): string[] {
  const { authority, tokenFile, adminTokenFile, prometheus, directory } = files;
  const entry = stack.entries[0] ?? '';
  const body = JSON.stringify({
    model: plan.load.workload.model,
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 32,
    stream: true,
  });
  const link = stack.links.find(({ name }) => name.includes('→inference')) ?? stack.links[0];
  const proxy = `${stack.proxyApiUrl}/proxies/${encodeURIComponent(link?.name ?? '')}/toxics`;
  const token = `-H 'Authorization: Bearer ${stack.proxyToken}'`;
  const toxic = JSON.stringify({ name: 'slow', type: 'latency', attributes: { latency: 500, jitter: 100 } });
  const trust = authority === undefined ? '' : ` --cacert ${authority}`;
  const title = (text: string) => paint('bold', text);
  return [
    title('clients'),
    ...stack.entries.map(url => `  ${url}/v1`),
    title('replicas'),
    ...stack.replicas.map(
      ({ name, url, state }) =>
        `  ${name.padEnd(14)} ${url}${state === 'stopped' ? '  (not started; scale up to start it)' : ''}`,
    ),
    `${title('links')}  (Toxiproxy API at ${stack.proxyApiUrl})`,
    ...stack.links.map(({ name, listen, upstream }) => `  ${name.padEnd(24)} ${listen} → ${upstream}`),
    title('a streamed chat'),
    `  curl -N${trust} ${entry}/v1/chat/completions -H 'Authorization: ${stack.authorization}' -H 'Content-Type: application/json' -d '${body}'`,
    title(`add latency to ${link?.name}, and remove it`),
    `  curl ${token} -X POST ${proxy} -d '${toxic}'`,
    `  curl ${token} -X DELETE ${proxy}/slow`,
    ...admin(stack, adminTokenFile).map((line, index) => (index === 0 ? title(line) : `  ${line}`)),
    ...scaling(stack, tokenFile).map((line, index) => (index === 0 ? title(line) : `  ${line}`)),
    ...metrics(prometheus).map((line, index) => (index === 0 ? title(line) : `  ${line}`)),
    `${title('logs')}  ${directory}`,
    '',
    'Ctrl-C stops the stack.',
  ];
}

/** How to look into the first gateway, and to change it. */
function admin({ replicas }: RunningStack, tokenFile: string): string[] {
  const url = replicas.flatMap(({ listeners }) => listeners?.admin ?? [])[0];
  if (url === undefined) return [];
  const send = `(printf 'Authorization: Bearer '; cat ${tokenFile}) | curl -H @-`;
  return ['what the gateway sees, and draining it', `${send} ${url}/upstreams`, `${send} -X PUT ${url}/drain`];
}

/** How to start more replicas, if the stack has a control service and replicas that are not started. */
function scaling({ links, replicas }: RunningStack, tokenFile: string): string[] {
  const control = links.find(({ name }) => name === 'operator→control');
  if (!control || replicas.every(({ state }) => state !== 'stopped')) return [];
  const url = `http://${control.listen}/apis/apps/v1/namespaces/default/deployments/inference/scale`;
  const body = JSON.stringify({ spec: { replicas: replicas.filter(({ service }) => service === 'inference').length } });
  // Not an argument of curl, which all users of the machine can read.
  const token = `(printf 'X-Consul-Token: '; cat ${tokenFile}) |`;
  return [
    'more replicas',
    `${token} curl -H @- -X PATCH ${url} -H 'Content-Type: application/merge-patch+json' -d '${body}'`,
  ];
}

/** How to query Prometheus, if the stack has one. */
function metrics(prometheus: PrometheusAccess | undefined): string[] {
  if (!prometheus) return [];
  const { url, username, passwordFile } = prometheus;
  // As above, no argument of a program: `printf` is built into shells.
  const login = `printf 'user = "${username}:%s"' "$(cat ${passwordFile})" |`;
  return [
    'metrics',
    `${url}  (user ${username}, password in ${passwordFile})`,
    `${login} curl -K - '${url}/api/v1/query?query=up'`,
  ];
}

/** Resolves on abort; until then its timer keeps the process alive. */
async function untilAborted(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await setTimeout(60_000, undefined, { signal }).catch(() => {});
}
