import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { renderHtml } from '../../../../reports/render/html/render-html.ts';
import { renderSuiteHtml } from '../../../../reports/render/suite/html.ts';
import { launchBrowser, noBrowser } from '../../../chromium.ts';
import { everyKind } from '../../suites.ts';
import { trendPages } from '../../trend/nights.ts';
import { badLabels, badTables, breakPage, contrasts, focused, interactive, overflow } from './probes.js';
import { VARIANTS } from './variants.ts';

/** Pages by name: reports of runs, that of a suite, and those of a history. */
const PAGES: Readonly<Record<string, () => string>> = {
  ...Object.fromEntries(Object.entries(VARIANTS).map(([name, input]) => [name, () => renderHtml(input())])),
  suite: () => renderSuiteHtml(everyKind),
  trend: () => trendPages.get('index.html')!,
  'trend of a scenario': () => trendPages.get('pages/mine/a.html')!,
};
const NAMES = Object.keys(PAGES);
const title = `the report in a browser${noBrowser ? ` (${noBrowser})` : ''}`;

describe.skipIf(noBrowser)(title, { timeout: 30_000 }, () => {
  let browser: Browser;
  let directory: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'squall-report-'));
    for (const name of NAMES) writeFileSync(join(directory, `${name}.html`), PAGES[name]!());
    browser = await launchBrowser();
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  /** Opens a variant, and collects its requests and errors. */
  async function open(name: string, width: number, theme: 'light' | 'dark' = 'light', scripted = true) {
    const page = await browser.newPage({
      viewport: { width, height: 900 },
      colorScheme: theme,
      javaScriptEnabled: scripted,
    });
    const address = pathToFileURL(join(directory, `${name}.html`)).href;
    const problems: string[] = [];
    page.on(
      'request',
      request => request.url() !== address && problems.push(`requested ${request.url().slice(0, 100)}`),
    );
    page.on('console', message => problems.push(`console: ${message.text()}`));
    page.on('pageerror', error => problems.push(`error: ${error.message}`));
    await page.goto(address);
    return { page, problems, [Symbol.asyncDispose]: () => page.close() };
  }

  const openAll = async (page: Page) => {
    for (const summary of await page.locator('summary').all()) await summary.click();
  };

  // 390 px is a phone, 1440 px a laptop; 700 px shows the charts of medium width.
  // Text of normal size needs a contrast of 4.5 to 1 (WCAG 2.2, 1.4.3).
  it.each(NAMES)('fits every width, is legible in both themes, and loads nothing, without errors: %s', async name => {
    await using report = await open(name, 390);
    const { page } = report;
    for (const width of [390, 700, 1440]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(overflow), `overflow at ${width} px`).toBeLessThanOrEqual(0);
      expect(await page.evaluate(badLabels), `labels at ${width} px`).toEqual([]);
    }
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      const texts = await page.evaluate(contrasts);
      expect(texts.length).toBeGreaterThan(40);
      expect(texts.filter(({ ratio }) => ratio < 4.5)).toEqual([]);
    }
    expect(await page.evaluate(badTables)).toEqual([]);
    await openAll(page);
    for (const width of [1440, 390]) {
      await page.setViewportSize({ width, height: 900 });
      expect(await page.evaluate(overflow), `overflow at ${width} px, all open`).toBeLessThanOrEqual(0);
    }
    expect(report.problems).toEqual([]);
    expect(await page.title()).not.toBe('broken');
  });

  // Each of these probes must be able to fail: the same page, broken in five ways.
  it('detects a page that is too wide, pale, unlabelled, crowded, or loads something', async () => {
    await using report = await open('passing', 1440);
    const { page } = report;
    await page.evaluate(breakPage);
    expect(await page.evaluate(overflow)).toBeGreaterThan(0);
    expect((await page.evaluate(contrasts)).some(({ ratio }) => ratio < 4.5)).toBe(true);
    expect(await page.evaluate(badTables)).not.toEqual([]);
    expect(await page.evaluate(badLabels)).not.toEqual([]);
    await expect.poll(() => report.problems).not.toEqual([]);
  });

  it('reaches every control with the Tab key, with a visible focus', async () => {
    await using report = await open('passing', 1440);
    await openAll(report.page);
    await report.page.evaluate('document.activeElement.blur()');
    const wanted = await report.page.evaluate(interactive);
    const reached = new Set<string>();
    for (let press = 0; press < wanted.length + 5; press += 1) {
      await report.page.keyboard.press('Tab');
      const { probe, marked } = await report.page.evaluate(focused);
      if (probe === undefined) continue;
      reached.add(probe);
      expect(marked, `focus on element ${probe} is not visible`).toBe(true);
    }
    expect([...reached].sort()).toEqual([...wanted].sort());
  });

  it('shows the values at a point in time with the arrow keys', async () => {
    await using report = await open('passing', 390);
    const plot = report.page.locator('#chart-ttft .plot');
    const tip = plot.locator('.tip');
    expect(await tip.isVisible()).toBe(false);
    await report.page.keyboard.press('Tab');
    await plot.focus();
    await report.page.keyboard.press('End');
    expect(await tip.textContent()).toMatch(/^44\.0\ss/);
    for (let press = 0; press < 20; press += 1) await report.page.keyboard.press('ArrowLeft');
    expect(await tip.textContent()).toContain('in effect: kill');
    expect(await plot.getAttribute('aria-valuetext')).toMatch(/^24\.0\ss: P50 .*; in effect: kill$/);
    expect(await report.page.locator('.crosshair:visible').count()).toBe(8);
    expect(await report.page.evaluate(overflow)).toBeLessThanOrEqual(0);
    await report.page.keyboard.press('Escape');
    expect(await tip.isVisible()).toBe(false);
  });

  it('draws sampled metrics on the same axis, with the same crosshair and their own columns in the table', async () => {
    await using report = await open('measured', 390);
    const plot = report.page.locator('#chart-queue .plot');
    await report.page.keyboard.press('Tab');
    await plot.focus();
    await report.page.keyboard.press('Home');
    for (let press = 0; press < 27; press += 1) await report.page.keyboard.press('ArrowRight');
    // At 27 s: 2 + (27·5 mod 7) requests wait on the fullest replica, 3 + (27·9 mod 12) on all.
    const words = await plot.getAttribute('aria-valuetext');
    expect(words).toMatch(/^27\.0\ss: running, all \d+, waiting, all 6, waiting, fullest replica 4; in effect: kill$/);
    expect(await report.page.locator('.crosshair:visible').count()).toBe(10);
    const engines = report.page.locator('#chart-engines .plot');
    expect(await engines.getAttribute('aria-valuetext')).toMatch(
      /GPU utilisation [\d.]+%, KV cache [\d.]+%, GPU memory/,
    );
    const legend = await report.page.locator('#chart-queue .legend').textContent();
    expect(legend).toContain('fullest limit 10, fault:kill');
    expect(legend).toContain('fullest limit 500, whole (above this chart)');
    expect(await report.page.locator('#chart-engines .legend').textContent()).toContain('gpu-memory limit 90');
  });

  it('excludes the charts of an attack, which have their own time axis, from the crosshair', async () => {
    await using report = await open('attacked', 1440);
    await report.page.locator('#chart-ttft .plot').hover({ position: { x: 700, y: 100 } });
    expect(await report.page.locator('#faults .plot > svg:visible').count()).toBe(4);
    expect(await report.page.locator('.crosshair:visible').count()).toBe(8);
  });

  it('shows the values at a point in time under the pointer', async () => {
    await using report = await open('failing', 1440);
    await report.page.locator('#chart-rate .plot').hover({ position: { x: 600, y: 100 } });
    expect(await report.page.locator('#chart-rate .tip').textContent()).toMatch(
      /offered\d+\/ssent\d+\/scompleted\d+\/s/,
    );
    await report.page.locator('#chart-errors .plot').hover({ position: { x: 600, y: 100 } });
    const tip = report.page.locator('#chart-errors .tip');
    expect(await tip.textContent()).toMatch(/^2\d\.0\ssreset(9|1[01])(\.\d+)?\/shttp-503[56](\.\d+)?\/sdropped\d/);
    await report.page.mouse.move(5, 5);
    expect(await tip.isVisible()).toBe(false);
  });

  it('overrides the theme of the system', async () => {
    await using report = await open('passing', 1440, 'light');
    const background = () => report.page.evaluate('getComputedStyle(document.body).backgroundColor');
    const light = await background();
    await report.page.locator('.theme input[value="dark"]').check();
    expect(await background()).not.toBe(light);
  });

  it('filters the event log', async () => {
    await using report = await open('passing', 1440);
    await openAll(report.page);
    await report.page.locator('#event-filter').fill('slow-link');
    expect(await report.page.locator('#event-table tbody tr:visible').count()).toBe(3);
    expect(await report.page.locator('.filter output').textContent()).toBe('3 of 16');
  });

  it('copies the replay command', async () => {
    await using report = await open('passing', 1440);
    await report.page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await report.page.locator('#copy').click();
    await expect.poll(() => report.page.locator('#copy').textContent()).toBe('Copied');
    expect(await report.page.evaluate('navigator.clipboard.readText()')).toBe('npx squall run node-loss --seed 42');
  });

  it('shows charts, tables and both themes without JavaScript', async () => {
    await using report = await open('passing', 1440, 'dark', false);
    expect(await report.page.locator('.plot > svg:visible').count()).toBe(11);
    expect(await report.page.locator('#copy').isVisible()).toBe(false);
    await report.page.locator('details.figures summary').first().click();
    expect(await report.page.locator('#figures tbody tr:visible').count()).toBe(45);
    expect(report.problems).toEqual([]);
  });
});
