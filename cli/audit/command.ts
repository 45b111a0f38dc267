import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { messageOf, SquallError } from '../../harness/errors.ts';
import { chainFiles } from '../../stack/gateway/audit/chain-files.ts';
import type { ChainHead } from '../../stack/gateway/audit/record.ts';
import { type Verification, verifyChain } from '../../stack/gateway/audit/verify.ts';
import { EXIT } from '../exit.ts';
import { JSON_FLAG } from '../options.ts';
import { printJson, say } from '../terminal.ts';

interface Options {
  readonly anchor?: ChainHead;
  readonly json?: boolean;
}

/** Defines `squall audit verify <folder>`, which finds what was changed in an audit log. */
export function defineAudit(command: Command): void {
  command
    .addArgument(new Argument('<action>').choices(['verify']))
    .argument('<folder>', 'the audit log of a gateway, or a folder with those of several')
    .option('--anchor <seq:hash>', 'a head that was printed before and must still be there', parseAnchor)
    .option(...JSON_FLAG)
    .addHelpText(
      'after',
      '\nExit codes: 0 whole · 1 changed, removed or added lines · 2 incomplete, or nothing to verify · 3 usage · 4 cannot be read',
    )
    .action(async (_action: string, folder: string, { anchor, json }: Options) => {
      const chains = await chainsIn(folder);
      if (anchor && chains.length > 1)
        throw new SquallError(
          'option',
          'BAD_ANCHOR',
          `Expected --anchor with one audit log, found ${chains.length} in ${folder}`,
          {
            next: `Name one of them, such as ${chains[0]}.`,
          },
        );
      const results = [];
      for (const chain of chains) results.push({ folder: chain, ...(await verifyChain(chain, anchor)) });
      if (json) printJson(results);
      else if (chains.length === 0) say(process.stdout, `${folder}: no audit log, so nothing is verified`);
      else say(process.stdout, ...results.flatMap(describe));
      process.exitCode = exitOf(results);
    });
}

function exitOf(results: readonly Verification[]): number {
  if (results.some(({ finding }) => finding && finding.kind !== 'incomplete')) return EXIT.sloFailed;
  return results.some(({ finding, records }) => finding || records === 0) || results.length === 0
    ? EXIT.inconclusive
    : EXIT.pass;
}

/** The folder itself, and those in it, that hold an audit log. */
async function chainsIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const folders = entries.filter(entry => entry.isDirectory()).map(({ name }) => join(folder, name));
    const found: string[] = [];
    for (const path of [folder, ...folders.sort()]) if ((await chainFiles(path)).length > 0) found.push(path);
    return found;
  } catch (cause) {
    const message = `Cannot read the audit log in ${folder}: ${messageOf(cause)}`;
    throw new SquallError('environment', 'UNREADABLE_AUDIT_LOG', message, {
      cause,
      next: 'Name the folder of stack.gateway.audit, as the user of the gateway or as root.',
    });
  }
}

function describe({
  folder,
  finding,
  records,
  first,
  head,
  dropped,
}: Verification & { readonly folder: string }): string[] {
  const lines = finding
    ? [`✗ ${folder}: ${finding.file}, line ${finding.line}: ${finding.kind}: ${finding.why}`]
    : [`✓ ${folder}: ${records} records, whole`];
  if (!finding && first && first.seq > 1)
    lines.push(`  begins with record ${first.seq}; those before it have expired, which the log itself says`);
  if (dropped > 0) lines.push(`  ${dropped} requests were not recorded, which the log itself says`);
  if (!finding)
    lines.push(
      `  head ${head.seq}:${head.hash}`,
      '  Keep the head elsewhere: with --anchor it proves later that nothing up to it was removed or written anew.',
    );
  return lines;
}

function parseAnchor(text: string): ChainHead {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new SquallError('option', 'BAD_ANCHOR', `Expected --anchor to be SEQ:HASH, got ${JSON.stringify(text)}`, {
    next: 'Pass a head as `squall audit verify` prints it.',
  });
}
