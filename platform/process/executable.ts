import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Addresses, ReplicaExecutable } from '../../stack/replica-plan.ts';
import { requireTool, toolVersion } from '../../stack/tools.ts';
import type { Topology } from '../../stack/topology.ts';

/** Command line of a replica. @throws SquallError `TOOL_NOT_FOUND` */
export function commandOf(run: ReplicaExecutable, addresses: Addresses): { command: string; args: readonly string[] } {
  if (run.kind === 'node') return { command: process.execPath, args: [run.program] };
  return { command: requireTool(run.tool).command, args: run.args(addresses) };
}

/**
 * Versions of the tools that a topology runs, by name.
 * @throws SquallError `TOOL_NOT_FOUND` for the first missing one
 */
export async function toolVersions(topology: Topology, signal: AbortSignal): Promise<Record<string, string>> {
  const names = new Set(topology.replicas.flatMap(({ run }) => (run.kind === 'tool' ? [run.tool] : [])));
  const found = [...names].map(tool => ({ tool, place: requireTool(tool) }));
  const versions = found.map(async ({ tool, place }) => [
    tool,
    `${await toolVersion(tool, place, signal)} (${place.source})`,
  ]);
  return Object.fromEntries(await Promise.all(versions));
}

/**
 * Writes a replica's files into its directory, readable only by this user. Each existing file is replaced atomically.
 */
export async function writePrivateFiles(directory: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    await mkdir(name.endsWith('/') ? path : dirname(path), { recursive: true, mode: 0o700 });
    if (name.endsWith('/')) continue;
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }
}
