import { describe, expect, test } from 'vitest';
import { GpuShares } from '../../../../stack/gateway/accounting/gpu-shares.ts';
import { Meter, type Stripped } from '../../../../stack/gateway/accounting/meter.ts';
import { costOf } from '../../../../stack/gateway/accounting/prices.ts';

const SSE = { 'content-type': 'text/event-stream', 'content-length': '999' };
const JSON_TYPE = { 'content-type': 'application/json' };
const usage = (prompt: number, completion: number, more = {}) =>
  JSON.stringify({ prompt_tokens: prompt, completion_tokens: completion, total_tokens: prompt + completion, ...more });
const token = (text: string, tail = '') =>
  `data: {"id":"c","choices":[{"index":0,"delta":{"content":${JSON.stringify(text)}},"finish_reason":null}]${tail}}\n\n`;
const last = (tail: string) => `data: {"id":"c","choices":[]${tail}}\n\n`;
const DONE = 'data: [DONE]\n\n';

/** What a client gets of a response that arrives in pieces of `size` bytes, and what is counted. */
function pass(
  text: string,
  stripped: Stripped,
  size = text.length,
  headers: Record<string, string> = SSE,
  status = 200,
) {
  const meter = new Meter(true, stripped);
  const kept = meter.begin(status, headers);
  const bytes = Buffer.from(text);
  const pieces: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) pieces.push(meter.push(bytes.subarray(at, at + size)));
  pieces.push(meter.end());
  const { isReported, ...tokens } = meter.tokens;
  return { text: Buffer.concat(pieces).toString(), tokens, isReported, headers: kept };
}

const CONTINUOUS =
  token('Grüße 🌍', `,"usage":${usage(7, 1)}`) +
  token('"usage":{"prompt_tokens":9}', `,"usage":${usage(7, 2, { prompt_tokens_details: { cached_tokens: 4 } })}`) +
  last(`,"usage":${usage(7, 3, { prompt_tokens_details: { cached_tokens: 4 } })}`) +
  DONE;
const PLAIN = token('Grüße 🌍') + token('"usage":{"prompt_tokens":9}');

describe('a stream', () => {
  test.each([1, 2, 3, 5, 7, 64, 10_000])(
    'in pieces of %i bytes loses what was not requested, and nothing else',
    size => {
      const all = pass(CONTINUOUS, 'all', size);
      expect(all).toMatchObject({
        text: PLAIN + DONE,
        isReported: true,
        tokens: { prompt: 7, cached: 4, completion: 3 },
      });
      expect(all.headers).toEqual({ 'content-type': 'text/event-stream' });
      const steps = pass(CONTINUOUS, 'steps', size);
      expect(steps.text).toBe(
        PLAIN + last(`,"usage":${usage(7, 3, { prompt_tokens_details: { cached_tokens: 4 } })}`) + DONE,
      );
      expect(pass(CONTINUOUS, 'nothing', size)).toMatchObject({ text: CONTINUOUS, headers: SSE });
    },
  );

  test('that breaks off is counted as far as it came', () => {
    const [first = '', second = ''] = CONTINUOUS.split('\n\n').map(event => `${event}\n\n`);
    expect(pass(first, 'all').tokens).toEqual({ prompt: 7, cached: 0, completion: 1 });
    expect(pass(first + second, 'all').tokens).toEqual({ prompt: 7, cached: 4, completion: 2 });
  });

  test('without usage counts by events with output', () => {
    const role = 'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n';
    const found = pass(`: ping\n\n${role}${token('a')}${token('b')}${DONE}`, 'all', 9);
    expect(found).toMatchObject({ isReported: false, tokens: { prompt: 0, completion: 2 } });
  });

  test('may have usage as its first field, or null', () => {
    const event = `data: {"usage":${usage(5, 1)},"choices":[{"index":0,"text":"a"}]}\n\n`;
    expect(pass(event, 'all')).toMatchObject({
      text: 'data: {"choices":[{"index":0,"text":"a"}]}\n\n',
      tokens: { prompt: 5, completion: 1 },
    });
    const none = token('a', ',"usage":null');
    expect(pass(none, 'all')).toMatchObject({ text: none, tokens: { completion: 1 } });
  });

  // The last two, priced, would be beyond the integers of Redis, and no number of their batch would be added.
  test.each(['-1', '1.5', '"3"', 'null', '1e400', '2000000000', '9007199254740991'])(
    'with a usage of %s tokens counts by events with output',
    count => {
      const event = token('a', `,"usage":{"prompt_tokens":${count},"completion_tokens":1}`);
      const counted = { isReported: false, tokens: { prompt: 0, cached: 0, completion: 1 } };
      expect(pass(event, 'nothing')).toMatchObject(counted);
    },
  );
});

describe('a document', () => {
  test.each([1, 10, 1000])('in pieces of %i bytes is not changed', size => {
    const text = `{"choices":[{"message":{"content":"\\"usage\\":{}"}}],"usage":${usage(11, 5)}}`;
    const found = pass(text, 'all', size, JSON_TYPE);
    expect(found).toMatchObject({ text, headers: JSON_TYPE, tokens: { prompt: 11, cached: 0, completion: 5 } });
  });

  test('of embeddings has prompts only, one of an error nothing, whatever it says', () => {
    const text = '{"data":[],"usage":{"prompt_tokens":6,"total_tokens":6}}';
    expect(pass(text, 'all', 10, JSON_TYPE).tokens).toEqual({ prompt: 6, cached: 0, completion: 0 });
    expect(pass(text, 'all', 10, JSON_TYPE, 500).tokens).toEqual({ prompt: 0, cached: 0, completion: 0 });
    expect(pass('{', 'all', 10, JSON_TYPE).tokens).toEqual({ prompt: 0, cached: 0, completion: 0 });
    expect(pass(`{"usage":${usage(1e300, 1)}}`, 'all', 10, JSON_TYPE).tokens).toMatchObject({
      prompt: 0,
      completion: 0,
    });
  });
});

test('time of a GPU is shared among those who use it, and no more than there is', () => {
  const gpus = new GpuShares();
  const a = gpus.begin('one', 0);
  const b = gpus.begin('one', 4);
  const other = gpus.begin('two', 5);
  expect([a(10), b(14), other(15)]).toEqual([7, 7, 10]);
  expect([a(20), gpus.begin('one', 30)(31)]).toEqual([0, 1]);
});

test.each([
  [{ prompt: 2, completion: 10 }, { prompt: 1000, cached: 0, completion: 500 }, 0, 7000],
  [{ prompt: 2, cached: 0.2, completion: 10 }, { prompt: 1000, cached: 1000, completion: 0 }, 0, 200],
  // 0.1 × 3 is a little more than 0.3 in floats; 0.3 is rounded up.
  [{ prompt: 0.1, completion: 0 }, { prompt: 30, cached: 0, completion: 0 }, 0, 3],
  [{ prompt: 0.1, completion: 0 }, { prompt: 3, cached: 0, completion: 0 }, 0, 1],
  [{ prompt: 0, completion: 0, gpuHour: 3.6 }, { prompt: 0, cached: 0, completion: 0 }, 1000, 1000],
])('by the prices %j, %j and %i ms cost %i millionths of a credit', (price, tokens, gpuMs, cost) => {
  expect(costOf({ cached: undefined, gpuHour: undefined, ...price }, tokens, gpuMs)).toBe(cost);
});
