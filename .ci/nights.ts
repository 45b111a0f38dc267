/** Writes `index.html` into a folder of nights: a page that leads to each suite that is somewhere below it. */
import { fs, glob, path } from 'zx';
import { type Night, renderNightsHtml } from '../reports/render/suite/nights.ts';

const site = process.argv[2];
if (site === undefined) throw new Error('Expected a folder of nights, got none');
const found = await glob('**/suite.json', { cwd: site });
const nights = found.flatMap((file): Night[] => {
  try {
    const document = fs.readJsonSync(path.join(site, file));
    if (document.schema !== 1) throw new Error(`its schema is ${document.schema}`);
    return [{ path: path.dirname(file), document }];
  } catch (error) {
    console.error(`${file} is left out: ${error}`);
    return [];
  }
});
const history = 'history/index.html';
fs.writeFileSync(
  path.join(site, 'index.html'),
  renderNightsHtml(nights, fs.existsSync(path.join(site, history)) ? history : undefined),
);
console.log(`${nights.length} suites in ${path.join(site, 'index.html')}`);
