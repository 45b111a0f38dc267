import { Script } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { renderHtml } from '../../../../reports/render/html/render-html.ts';
import { attackedRun } from './attacked-run.ts';
import { HOSTILE, hostileRun } from './extreme-runs.ts';
import { passingRun } from './fixture.ts';
import { plainRetriedRun, retriedRun } from './retried-run.ts';
import { failingRun, interruptedRun, VARIANTS } from './variants.ts';

// A size that CI artifact viewers open instantly and that fits into an e-mail.
const MAX_BYTES = 1.5e6;

describe('renderHtml', () => {
  it.each(Object.keys(VARIANTS))('stays under 1.5 MB and gives the same bytes twice: %s', name => {
    const first = renderHtml(VARIANTS[name]!());
    expect(Buffer.byteLength(first)).toBeLessThan(MAX_BYTES);
    expect(renderHtml(VARIANTS[name]!())).toBe(first);
  });

  it.each(Object.keys(VARIANTS))('never prints a missing value: %s', name => {
    const page = renderHtml(VARIANTS[name]!()).replace(/<script>.*?<\/script>/s, '');
    expect(page).not.toMatch(/\b(undefined|NaN|null|Infinity)\b|\[object/);
  });

  it('states the verdict, and why', () => {
    expect(renderHtml(passingRun())).toContain('All 3 SLOs were met with 2 faults in effect.');
    expect(renderHtml(failingRun())).toContain('<title>Fail: node-loss – Squall</title>');
    expect(renderHtml(interruptedRun())).toContain('The run was stopped after 24.9\u00a0s');
  });

  it.each([
    ['with sampled metrics', retriedRun],
    ['without', plainRetriedRun],
  ])('draws and counts attempts where clients retry: %s', (_, retried) => {
    expect(renderHtml(passingRun())).not.toMatch(/attempts/i);
    const run = retried();
    const page = renderHtml(run);
    const column = Number(/<li data-column="(\d+)">(?:(?!<li).)*<span>attempts<\/span>/s.exec(page)?.[1]);
    const figures = page.slice(page.indexOf('<details class="figures">'));
    const row = [...figures.matchAll(/<tr><th scope="row">.*?<\/tr>/gs)][25]![0];
    const cells = [...row.matchAll(/<t[dh][^>]*>(.*?)<\/t[dh]>/gs)].map(([, text]) => text);
    expect(cells[column]).toContain(String(Number((4 * run.timeline.offered[25]!).toPrecision(3))));
    expect(page).toContain('and attempts, per second');
    expect(page).toContain('2,600');
  });

  it('draws the course of each attack and shows it as a table', () => {
    expect(renderHtml(passingRun())).not.toMatch(/\bserved\b/);
    const page = renderHtml(attackedRun());
    expect(page).toContain('slow-headers: open connections <small>from its start at 12.0\u00a0s</small>');
    expect(page).toContain('aria-label="flood: closed by server, rejected and served, at most 2,064,055"');
    const rows = (index: number) =>
      /<tbody>.*?<\/tbody>/s.exec(page.slice(page.indexOf(`id="attack-${index}"`)))![0].match(/<tr>.*?<\/tr>/g)!;
    expect([rows(0).length, rows(1).length]).toEqual([17, 120]);
    expect(rows(0)[9]).toBe('<tr><th scope="row">9.0\u00a0s</th><td>12</td><td>468</td><td>0</td><td>0</td></tr>');
    // Connections opened over 8 s, lost in the ninth and regained: the staircase goes down and up again.
    const open = /slow-headers: open connections, at most 480".*?class="series look-1" d="([^"]*)"/s.exec(page)![1]!;
    const heights = [...open.matchAll(/V([\d.]+)/g)].map(([, y]) => Number(y));
    expect(heights.slice(-2)[0]).toBeGreaterThan(heights.slice(-3)[0]!);
    expect(heights.slice(-1)[0]).toBe(heights.slice(-3)[0]);
  });

  it('explains scaled time with an example', () => {
    expect(renderHtml(passingRun())).toContain('divided by 20: 6 s here stands for 2 min in production');
  });

  // The page has one script and one style sheet, those of the report itself, which its policy lists by hash.
  it('lets no text of a run become markup', () => {
    const page = renderHtml(hostileRun());
    expect(page).not.toContain(HOSTILE);
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).not.toMatch(/<img|href="(?!#|\.\/|data:,)/);
    expect(page).toContain('&lt;script&gt;document.title=&#39;broken&#39;&lt;/script&gt;');
  });

  it('has a script that parses and a policy that allows only it', () => {
    const page = renderHtml(passingRun());
    const script = /<script>(.*?)<\/script>/s.exec(page)?.[1] ?? '';
    expect(() => new Script(script)).not.toThrow();
    const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
    expect(policy).toContain('default-src &#39;none&#39;');
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });
});
