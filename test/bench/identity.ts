import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { runScenario } from '../../cli/api.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SCENARIO = join(ROOT, 'test/e2e/fixtures/small-loss.yaml');

/** Distinct contents of one file over many runs. */
export interface IdentityRow {
  readonly file: string;
  readonly 'in one process': number;
  readonly 'in fresh ones': number;
  readonly 'in both': number;
  /** Whether a run of another seed has other bytes. */
  readonly 'other seed differs': boolean;
}

/**
 * Runs a scenario with two faults in virtual time again and again, with one seed, and compares every file that the runs leave.
 * @param repeats in this process, and as many in fresh ones
 * @returns a row a file; byte identity is 1 everywhere, and another seed differs in all that records requests
 */
export async function identityBench(repeats: number): Promise<IdentityRow[]> {
  // One folder for all, since it stands in the replay command.
  const out = mkdtempSync(join(tmpdir(), 'squall-identity-'));
  try {
    const here = async (seed: number) =>
      hashes((await runScenario(SCENARIO, { platform: 'virtual', out, seed })).directory);
    const inOne: Hashes[] = [];
    const inFresh: Hashes[] = [];
    for (let run = 1; run <= repeats; run += 1) {
      inOne.push(await here(42));
      inFresh.push(fresh(out));
      console.error(`${run} of ${repeats}`);
    }
    const other = await here(43);
    const files = [...new Set([...inOne, ...inFresh].flatMap(found => [...found.keys()]))].sort();
    return files.map(file => {
      const distinct = (runs: readonly Hashes[]) => new Set(runs.map(found => found.get(file))).size;
      return {
        file,
        'in one process': distinct(inOne),
        'in fresh ones': distinct(inFresh),
        'in both': distinct([...inOne, ...inFresh]),
        'other seed differs': other.get(file) !== inOne[0]?.get(file),
      };
    });
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

type Hashes = ReadonlyMap<string, string>;

function hashes(directory: string): Hashes {
  const hashOf = (name: string) =>
    createHash('sha256')
      .update(readFileSync(join(directory, name)))
      .digest('hex');
  return new Map(readdirSync(directory).map(name => [name, hashOf(name)]));
}

function fresh(out: string): Hashes {
  const before = new Set(readdirSync(out));
  const args = ['cli/bin.js', 'run', SCENARIO, '--platform', 'virtual', '--out', out, '--quiet'];
  spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] });
  const [directory = ''] = readdirSync(out).filter(name => !before.has(name));
  return hashes(join(out, directory));
}
