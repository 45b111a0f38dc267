import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { styleText } from 'node:util';
import type { Command } from 'commander';
import { systemClock } from '../harness/clock.ts';
import type { RunningStack } from '../harness/contracts.ts';
import type { RunPlan } from '../harness/plan.ts';
import { openRunDirectory } from '../scenarios/run-directory.ts';
import { platformOf } from '../scenarios/session.ts';
import { loadScenario, type RunOptions, withRunOptions } from './options.ts';
import { printJson } from './run.ts';

/** `squall up <scenario>`: the stack alone, to be used by hand, until Ctrl-C. */
export function defineUp(command: Command, signal: AbortSignal): void {
  withRunOptions(command)
    .argument('<scenario>', 'name from `squall list`, or a .yaml, .json or .ts file')
    .action(async (name: string, options: RunOptions) => {
      const { compiled } = await loadScenario(name, options, signal);
      const { plan, topology } = compiled;
      const say = (text: string) =>
        void (options.json || options.quiet ? process.stderr : process.stdout).write(`${text}\n`);
      const { directory, environment } = openRunDirectory(plan.scenario, options.out, systemClock);
      const platform = await platformOf(compiled);
      const observer = {
        replica: ({ replica, state, detail }: { replica: string; state: string; detail?: string }) =>
          say(`${replica} ${state}${detail ? ` (${detail})` : ''}`),
      };
      await using stack = await platform.up(topology, {
        runId: environment.id,
        seed: plan.seed,
        directory,
        observer,
        signal,
        clock: systemClock,
      });
      const authority = placeAuthority(stack, directory);
      if (options.json) printJson(addresses(stack, authority, directory));
      else say(`\n${guide(stack, plan, authority, directory)}`);
      // The stack runs until somebody interrupts it; that is how this command ends, and no failure.
      await untilAborted(signal);
      say('taking everything down');
    });
}

/** Puts what clients have to trust beside the logs, where they enter over TLS. @returns its path */
function placeAuthority({ entryCertificate }: RunningStack, directory: string): string | undefined {
  if (!entryCertificate) return undefined;
  const path = join(directory, 'authority.pem');
  writeFileSync(path, entryCertificate.authority);
  return path;
}

function addresses(stack: RunningStack, authority: string | undefined, directory: string): object {
  const { entries, authorization, proxyApiUrl, links, replicas } = stack;
  return {
    entries,
    authority,
    authorization,
    proxyApiUrl,
    links,
    replicas: replicas.map(({ name, service, url, pid }) => ({ name, service, url, pid })),
    logs: directory,
  };
}

function guide(stack: RunningStack, plan: RunPlan, authority: string | undefined, directory: string): string {
  const entry = stack.entries[0] ?? '';
  const body = JSON.stringify({
    model: plan.load.workload.model,
    messages: [{ role: 'user', content: 'Hello' }],
    max_tokens: 32,
    stream: true,
  });
  const link = stack.links.find(({ name }) => name.includes('→inference')) ?? stack.links[0];
  const proxy = `${stack.proxyApiUrl}/proxies/${encodeURIComponent(link?.name ?? '')}/toxics`;
  const toxic = JSON.stringify({ name: 'slow', type: 'latency', attributes: { latency: 500, jitter: 100 } });
  const trust = authority === undefined ? '' : ` --cacert ${authority}`;
  const title = (text: string) => styleText('bold', text);
  return [
    title('clients'),
    ...stack.entries.map(url => `  ${url}/v1`),
    title('replicas'),
    ...stack.replicas.map(
      ({ name, url, state }) => `  ${name.padEnd(14)} ${url}${state === 'stopped' ? '  (waits to be asked for)' : ''}`,
    ),
    `${title('links')}  (Toxiproxy API at ${stack.proxyApiUrl})`,
    ...stack.links.map(({ name, listen, upstream }) => `  ${name.padEnd(24)} ${listen} → ${upstream}`),
    title('a streamed chat'),
    `  curl -N${trust} ${entry}/v1/chat/completions -H 'Authorization: ${stack.authorization}' -H 'Content-Type: application/json' -d '${body}'`,
    title(`slow ${link?.name} down, and heal it`),
    `  curl -X POST ${proxy} -d '${toxic}'`,
    `  curl -X DELETE ${proxy}/slow`,
    ...scaling(stack).map((line, index) => (index === 0 ? title(line) : `  ${line}`)),
    `${title('logs')}  ${directory}`,
    '',
    'Ctrl-C takes everything down.',
  ].join('\n');
}

/** How to ask for more replicas, where there is somebody to ask. */
function scaling({ links, replicas }: RunningStack): string[] {
  const control = links.find(({ name }) => name === 'operator→control');
  const waiting = replicas.some(({ state }) => state === 'stopped');
  if (!control || !waiting) return [];
  const url = `http://${control.listen}/apis/apps/v1/namespaces/default/deployments/inference/scale`;
  const body = JSON.stringify({ spec: { replicas: replicas.filter(({ service }) => service === 'inference').length } });
  return ['more replicas', `curl -X PATCH ${url} -H 'Content-Type: application/merge-patch+json' -d '${body}'`];
}

function untilAborted(signal: AbortSignal): Promise<void> {
  // A pending promise keeps no process alive; the timer does.
  const timer = setInterval(() => {}, 60_000);
  return new Promise(resolve => {
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(timer);
        resolve();
      },
      { once: true },
    );
    if (signal.aborted) resolve();
  });
}
