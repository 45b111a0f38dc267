import { expect } from 'vitest';
import type { BodySink } from '../../../../load/stream/response/body.ts';
import { completionReader } from '../../../../load/stream/response/body-reader.ts';
import type { Oddity } from '../../../../load/stream/response/oddities.ts';

/** Frames of a chat completion, and what they are made of. */
export const json = JSON.stringify;
export const chunk = (delta: unknown, finish: unknown = null, more: object = {}) =>
  json({ id: 'c', choices: [{ index: 0, delta, finish_reason: finish }], ...more });
export const event = (data: string, before = '') => `${before}data: ${data}\n\n`;
export const delta = (value: unknown) => json({ choices: [{ index: 0, delta: value }] });
export const ROLE = event(chunk({ role: 'assistant', content: '' }));
export const A = event(chunk({ content: 'a' }));
export const B = event(chunk({ content: 'b' }));
export const STOP = event(chunk({}, 'stop'));
export const DONE = event('[DONE]');

/** What a reader made of a body. */
export interface Reading {
  readonly outcome: string;
  readonly tokens: number;
  readonly frames: number;
  readonly oddities: readonly Oddity[];
  readonly telling: string;
  readonly reader: ReturnType<typeof completionReader>;
}

/** What a reader makes of a body, all at once, and again byte by byte, which must be the same. */
export function read(body: string, expected: { stream?: boolean; contentType?: string } = {}): Reading {
  const whole = readPieces([Buffer.from(body)], expected);
  const bytes = readPieces(
    [...Buffer.from(body)].map(byte => Buffer.of(byte)),
    expected,
  );
  const { reader: _, ...one } = whole;
  expect(bytes).toMatchObject(one);
  return whole;
}

function readPieces(pieces: readonly Buffer[], expected: object): Reading {
  let frames = 0;
  let outcome = 'none';
  const sink: BodySink = {
    token() {
      frames += 1;
    },
    ended(ending) {
      outcome = ending;
    },
  };
  const reader = completionReader(expected, sink);
  for (const piece of pieces) reader.feed(piece);
  reader.end();
  const { completion } = reader;
  const tokens = reader.outputTokens();
  const { telling = '', oddities = new Map() } = completion ?? {};
  return { outcome, tokens, frames, oddities: [...oddities.keys()], telling, reader };
}
