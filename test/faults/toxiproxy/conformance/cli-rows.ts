import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { type Column, normalise, type Row } from './table.ts';

/** The real `toxiproxy-cli` that `npm run tools` builds. */
export const CLI = join(import.meta.dirname, '../../../../.tools/bin/toxiproxy-cli');

/** Every command of the command line, in an order in which each finds what it needs; the last leaves nothing. */
export const COMMANDS: readonly Row[] = [
  'list',
  'create --listen 127.0.0.1:0 --upstream 127.0.0.1:1 p',
  'create --listen 127.0.0.1:0 --upstream 127.0.0.1:1 p',
  'new -l bad -u 127.0.0.1:1 r',
  'create --listen localhost:0 --upstream 127.0.0.1:1 q',
  'list',
  'inspect p',
  'inspect none',
  'toxic add --type latency --toxicName slow --attribute latency=100 --attribute jitter=5 p',
  'toxic add -t bandwidth -tox 0.5 -u -a rate=2000000 p',
  'toxic add -t slicer -n cut -d -a average_size=64 -a size_variation=32 -a delay=10 p',
  'toxic add -t slow_close -n close -a delay=10 p',
  'toxic add -t limit_data -n limit -a bytes=1000000 p',
  'toxic add -t timeout -n out -a timeout=10 p',
  'toxic add -t reset_peer -n rst -a timeout=10 p',
  'toxic add -t latency -n slow p',
  'toxic add -t nope p',
  'toxic add -t latency -n half -a latency=1.5 p',
  'toxic add -t latency -n word -a latency=much p',
  'toxic add -t latency none',
  'inspect p',
  'toxic update --toxicName slow --attribute jitter=25 p',
  'toxic update -n slow -tox 0.25 -a latency=3000000000 p',
  'toxic update -n none -a latency=1 p',
  'ins p',
  'toxic remove --toxicName slow p',
  'toxic delete -n cut p',
  'toxic d -n none p',
  'toggle p',
  'ls',
  'tog p',
  'toggle none',
  'delete p',
  'd p',
  'list',
  'delete q',
].map((command, nth) => ({
  name: `cli ${nth + 1}: ${command}`,
  observe: column => run(column, command.split(' ')),
}));

/** @returns exit code, standard output and error */
function run(column: Column, args: readonly string[]): Promise<string> {
  return new Promise(resolve => {
    execFile(CLI, ['--host', column.apiUrl, ...args], { timeout: 8000 }, (error, stdout, stderr) => {
      const code = error ? (error.code ?? error.signal) : 0;
      resolve(normalise(`${code} ${stdout}${stderr}`, column));
    });
  });
}
