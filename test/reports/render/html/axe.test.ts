import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compareRuns } from '../../../../reports/judge/compare/compare.ts';
import { compareVariants } from '../../../../reports/judge/variants/compare.ts';
import { renderCapacityHtml } from '../../../../reports/render/capacity/html.ts';
import { renderCompareHtml } from '../../../../reports/render/compare/html.ts';
import { renderHtml } from '../../../../reports/render/html/render-html.ts';
import { renderChangesHtml } from '../../../../reports/render/suite/changes.ts';
import { renderSuiteHtml } from '../../../../reports/render/suite/html.ts';
import { renderNightsHtml } from '../../../../reports/render/suite/nights.ts';
import { renderTuneHtml } from '../../../../reports/render/tune/html.ts';
import { renderVariantsHtml } from '../../../../reports/render/variants/html.ts';
import { launchBrowser, noBrowser } from '../../../chromium.ts';
import { simulated } from '../../compare/simulated.ts';
import { context, runs } from '../../compared-variants.ts';
import { CHANGES, everyKind } from '../../suites.ts';
import { trendPages } from '../../trend/nights.ts';
import { CAPACITY, TUNED } from './documents.ts';
import { failingRun } from './variants.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const slower = () =>
  compareRuns([simulated({ model: 'fault', seed: 1 })], [simulated({ model: 'fault', seed: 2, slower: 1.3 })]);

/** Every kind of page. */
const PAGES: Readonly<Record<string, () => string>> = {
  run: () => renderHtml(failingRun()),
  suite: () => renderSuiteHtml(everyKind),
  compare: () => renderCompareHtml(slower()),
  changes: () => renderChangesHtml({ schema: 1, candidate: 'after', ...CHANGES }),
  nights: () => renderNightsHtml([{ path: 'a', document: { ...everyKind, baseline: CHANGES } }]),
  variants: () => renderVariantsHtml(compareVariants({ ...context, runs })),
  capacity: () => renderCapacityHtml(CAPACITY),
  tune: () => renderTuneHtml(TUNED),
  trend: () => trendPages.get('index.html')!,
  indicators: () => trendPages.get('pages/mine/a.html')!,
};

/** What axe finds, a line each, with all that can be opened open. */
async function findings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResults>(`
    for (const details of document.querySelectorAll('details')) details.open = true;
    axe.run({ resultTypes: ['violations'] });`);
  return violations.map(({ impact, id, nodes }) => `${impact} ${id}: ${nodes.map(({ html }) => html.slice(0, 150))}`);
}

describe.skipIf(noBrowser)(`pages under axe${noBrowser ? ` (${noBrowser})` : ''}`, () => {
  let browser: Browser;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'squall-axe-'));
    browser = await launchBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Opens a page that is wide and light, or narrow and dark, and collects its requests and errors. */
  async function open(name: string, isDark = false) {
    const colorScheme = isDark ? 'dark' : 'light';
    const page = await browser.newPage({ colorScheme, viewport: { width: isDark ? 390 : 1440, height: 900 } });
    const path = join(folder, `${name}.html`);
    writeFileSync(path, PAGES[name]!());
    const { href } = pathToFileURL(path);
    const problems: string[] = [];
    page.on('request', request => request.url() !== href && problems.push(`requested ${request.url()}`));
    page.on('console', message => problems.push(message.text()));
    page.on('pageerror', error => problems.push(error.message));
    await page.goto(href);
    return { page, problems, [Symbol.asyncDispose]: () => page.close() };
  }

  it.concurrent.each(Object.keys(PAGES))('have nothing that it finds, in light and dark: %s', async name => {
    for (const isDark of [false, true]) {
      await using opened = await open(name, isDark);
      expect(await findings(opened.page)).toEqual([]);
      expect(opened.problems).toEqual([]);
    }
  });

  it('would be found pale, or with what has no name or language', async () => {
    await using opened = await open('tune');
    await opened.page.evaluate(`
      document.querySelector('.summary').style.color = 'color-mix(in srgb, currentcolor 20%, white)';
      document.querySelector('nav').outerHTML = '<button></button>';
      document.documentElement.removeAttribute('lang');`);
    const found = await findings(opened.page);
    for (const id of ['color-contrast', 'button-name', 'html-has-lang']) expect(found.join('\n')).toContain(id);
  });
});
