import { hash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchBrowser, noBrowser } from '../../../chromium.ts';
import { missing } from '../../../require.ts';
import { until } from '../../../until.ts';
import { type GatewayProcess, startGateway } from '../fixtures/gateway-process.ts';
import {
  diesAfter,
  responds,
  type ScriptedUpstream,
  stallsAfter,
  startUpstream,
  streams,
} from '../fixtures/scripted-upstream.ts';
import { type Client, curl, fetchIn, openaiNode, openaiPython } from './client.ts';

const python = openaiPython();
const curlClient = curl();

/** A page, whose scripts send requests; other pages must not. */
let page: Page;
let otherPage: Page;
let browser: Browser | undefined;
let upstream: ScriptedUpstream;
let gateway: GatewayProcess;
const pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<title>page</title>'));

beforeAll(async () => {
  await once(pages.listen(0, '127.0.0.1'), 'listening');
  const { port } = pages.address() as AddressInfo;
  if (!noBrowser) {
    browser = await launchBrowser();
    [page, otherPage] = [await browser.newPage(), await browser.newPage()];
    await page.goto(`http://127.0.0.1:${port}`);
    await otherPage.goto(`http://localhost:${port}`);
  }
  upstream = await startUpstream(responds('hello'));
  gateway = await startGateway({
    models: ['tiny'],
    upstreams: [{ name: 'one', url: upstream.url }],
    apiKeyHashes: [hash('sha256', 'good')],
    healthChecks: 'off',
    cors: { origins: [`http://127.0.0.1:${port}`] },
  });
}, 60_000);

afterAll(async () => {
  await browser?.close();
  pages.close();
  await gateway?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

const clients: readonly (readonly [string, string | false, () => Client])[] = [
  ["OpenAI's client for Node.js", false, () => openaiNode],
  ["OpenAI's client for Python", missing('openai-python', python !== undefined), () => python!],
  ['curl', missing('curl', curlClient !== undefined), () => curlClient!],
  ['fetch in a page of another site', noBrowser, () => fetchIn(page)],
];

describe.each(clients)('%s', (_, isMissing, client) => {
  it.skipIf(isMissing)(
    'gets responses whole and as they are generated, errors by their codes, and can leave',
    async () => {
      const send = client();
      upstream.behaviour = responds('hello');
      expect(await send(gateway.url, 'whole')).toMatchObject({ text: 'hello' });

      upstream.behaviour = streams(['he', 'l', 'lo'], 300);
      const streamed = await send(gateway.url, 'stream');
      expect(streamed).toMatchObject({ text: 'hello' });
      expect(streamed).not.toHaveProperty('code');
      // The last token is sent 600 ms after the first; a client that gets them at once sees none of it.
      expect(streamed.spreadMs).toBeGreaterThan(300);

      expect(await send(gateway.url, 'stream', 'bad')).toMatchObject({
        status: 401,
        code: 'invalid_api_key',
        text: '',
      });
      expect(await send(gateway.url, 'whole', 'good', 'big')).toMatchObject({ status: 404, code: 'model_not_found' });
      upstream.behaviour = diesAfter(['he'], 5, '\n');
      expect(await send(gateway.url, 'stream')).toMatchObject({ text: 'he', code: 'upstream_reset' });

      upstream.behaviour = stallsAfter(['he'], 5);
      const received = upstream.received.length;
      expect(await send(gateway.url, 'leave')).toMatchObject({ text: 'he' });
      expect(upstream.received.length).toBe(received + 1);
      // The gateway's own timeout for an idle stream is 10 s.
      expect(await until(() => upstream.openRequests() === 0, 9000)).toBeLessThan(5000);
    },
  );
});

describe.skipIf(noBrowser)('a browser', () => {
  it('keeps pages of origins that are not allowed from the API, and all pages where CORS is off', async () => {
    upstream.behaviour = responds('hello');
    const received = upstream.received.length;
    expect(await fetchIn(otherPage)(gateway.url, 'whole')).toMatchObject({ code: 'blocked' });
    await using closed = await startGateway({ upstreams: [{ name: 'one', url: upstream.url }], healthChecks: 'off' });
    expect(await fetchIn(page)(closed.url, 'whole')).toMatchObject({ code: 'blocked' });
    expect(upstream.received.length).toBe(received);
  });
});

it('lists its models for the official client', async () => {
  const client = new OpenAI({ baseURL: `${gateway.url}/v1`, maxRetries: 0, apiKey: 'good' });
  expect((await client.models.list()).data.map(model => model.id)).toEqual(['tiny']);
});
