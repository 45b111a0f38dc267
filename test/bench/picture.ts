/**
 * Takes README's picture of the report: light, 1240 px wide, down to the end of its second chart. By hand, on a machine with
 * Chromium: `npm start`, then `npm run picture -- <run directory>`.
 */
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launchBrowser } from '../chromium.ts';

const WIDTH = 1240;
const MARGIN = 8;
const TO = join(import.meta.dirname, '../../reports/example.png');

const [directory] = process.argv.slice(2);
if (directory === undefined) throw new Error('Expected a run directory, such as reports/runs/node-loss-…');
const browser = await launchBrowser();
try {
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 }, colorScheme: 'light' });
  await page.goto(pathToFileURL(resolve(directory, 'report.html')).href);
  const chart = await page.locator('figure').nth(1).boundingBox();
  if (!chart) throw new Error('Expected the report to have two charts');
  const clip = { x: 0, y: 0, width: WIDTH, height: Math.ceil(chart.y + chart.height + MARGIN) };
  await page.screenshot({ path: TO, fullPage: true, clip });
  process.stdout.write(`${TO}: ${clip.width} × ${clip.height}\n`);
} finally {
  await browser.close();
}
