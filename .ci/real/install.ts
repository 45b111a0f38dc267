/**
 * Fills `.tools/real` with servers that nobody here wrote, which `npm run test:real` turns Squall on: a Python environment with
 * llama.cpp's server and LiteLLM, at the versions of `requirements.txt`, and a random model for the former. Installed once for these
 * versions, in the user's cache folder (860 MB), and linked from there.
 */
import { createHash } from 'node:crypto';
import { $, fs, path, which } from 'zx';
import { userCache } from '../../harness/host/private-folder.ts';

const here = import.meta.dirname;
const requirements = path.join(here, 'requirements.txt');
const model = path.join(here, 'random-model.py');
const link = path.resolve(here, '../../.tools/real');

if (!(await which('python3', { nothrow: true }))) {
  console.error('squall: the real servers need Python 3.10 or newer, and none was found on PATH.\n  → Install Python.');
  process.exit(4);
}
const hash = createHash('sha256').update(await fs.readFile(requirements));
const cache = userCache('tools');
const folder = path.join(cache, `real-${hash.digest('hex').slice(0, 12)}`);
const python = path.join(folder, 'bin', 'python');
// Written when everything is installed.
const installed = path.join(folder, 'installed');
if (!(await fs.pathExists(installed))) {
  console.log('real servers: installing llama.cpp and LiteLLM (about two minutes)');
  await fs.remove(folder);
  const quiet = $({ quiet: true });
  await quiet`python3 -m venv ${folder}`;
  await quiet`${python} -m pip install --disable-pip-version-check --requirement ${requirements}`;
  await fs.writeFile(installed, '');
}
await $({ quiet: true })`${python} ${model} ${path.join(folder, 'random.gguf')}`;
await fs.ensureDir(path.dirname(link));
await fs.remove(link);
await fs.symlink(folder, link);
console.log('real servers: .tools/real');
