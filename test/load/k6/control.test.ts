import { expect, test } from 'vitest';
import { openControl } from '../../../load/k6/control.ts';

test('the script begins and ends a run, and nobody who does not know its path', async () => {
  const seen: unknown[] = [];
  using control = await openControl({
    begin: async clock => {
      seen.push(clock);
      return 42;
    },
    end: () => void seen.push('end'),
  });
  const { origin, pathname } = new URL(control.url);
  const clock = { offsetMs: 1, roundTripMs: 2 };
  const begin = (base: string) => fetch(`${base}/begin`, { method: 'POST', body: JSON.stringify(clock) });
  for (const base of [origin, `${origin}/`, `${origin}${pathname}x`]) {
    await expect(begin(base)).rejects.toThrow();
    for (const path of ['/end', '/clock', '']) await expect(fetch(base + path)).rejects.toThrow();
  }
  expect(seen).toEqual([]);
  expect(pathname.length).toBeGreaterThan(24);
  expect(Number(await (await fetch(`${control.url}/clock`)).text())).toBeGreaterThan(0);
  expect(await (await begin(control.url)).text()).toBe('42');
  await fetch(`${control.url}/end`);
  expect(seen).toEqual([clock, 'end']);
});
