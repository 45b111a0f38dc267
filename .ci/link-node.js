// `postprepare` of a checkout, after its `npm install`: where the Node.js at hand is too old to run the sources, links Squall's own first on the PATH that npm and npx
// give to scripts and programs.
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isNewEnough, ownNode } from '../cli/start/node.js';

const link = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));
try {
  if (!isNewEnough()) {
    const node = ownNode();
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { force: true });
    symlinkSync(node, link);
  }
} catch (error) {
  process.stderr.write(`squall: ${error.message}\n`);
  process.exitCode = 4;
}
