import { expect, it } from 'vitest';
import { systemClock } from '../../../../harness/clock.ts';
import { startInside } from '../fixtures/gateway-inside.ts';
import { chatText, rawClient } from '../fixtures/raw-client.ts';
import { startUpstream } from '../fixtures/scripted-upstream.ts';

it('an error of its own ends the request that met it, and no other', async () => {
  await using upstream = await startUpstream(response => response.end('{}'));
  // Where a request is noted down, after all that handles its errors.
  let isBroken = true;
  const nowMs = () => {
    if (!isBroken || !new Error().stack!.includes('#finish')) return systemClock.nowMs();
    isBroken = false;
    throw new Error('no time');
  };
  await using gateway = await startInside({ upstreams: [{ name: 'a', url: upstream.url }] }, { ...systemClock, nowMs });
  using client = rawClient(gateway, chatText());
  expect(await client.closed(3000)).toBeLessThan(3000);
  expect(isBroken).toBe(false);
  const metrics = await (await fetch(`${gateway.url}/metrics`)).text();
  expect(metrics).toMatch(/^gateway_requests_in_flight 0$/m);
});
