import { expect, test } from 'vitest';
import { type Random, seededRandom } from '../../../../harness/random.ts';
import { BodyOpener, BodySealer, purposeOf, SALT_BYTES } from '../../../../stack/gateway/encryption/sealed-body.ts';

const PURPOSE = purposeOf('/v1/chat/completions');
const bytesOf = (random: Random, length: number) => Buffer.from(Array.from({ length }, () => random.integer(0, 255)));

/** A body of 2 to 5 chunks, and the pieces that its sender wrote: the first begins with the salt. */
function sealed(random: Random) {
  const key = bytesOf(random, 32);
  const sealer = new BodySealer({ key, purpose: PURPOSE }, bytesOf(random, SALT_BYTES));
  const texts = Array.from({ length: random.integer(2, 5) }, () => bytesOf(random, random.integer(1, 60)));
  return { key, texts, pieces: texts.map((text, index) => sealer.seal(text, index === texts.length - 1)) };
}

/** Opens a body that arrives cut at random places. @throws Error if it is refused */
function open(key: Uint8Array, body: Buffer, random: Random, purpose = PURPOSE): Buffer {
  const opener = new BodyOpener({ key, purpose });
  const texts: Buffer[] = [];
  for (let offset = 0; offset < body.length; ) {
    const length = random.integer(1, 50);
    texts.push(opener.open(body.subarray(offset, offset + length)));
    offset += length;
  }
  opener.end();
  return Buffer.concat(texts);
}

test('a body opens however it is cut on its way, and each piece as soon as it is there', () => {
  const random = seededRandom(1);
  for (let nth = 0; nth < 200; nth += 1) {
    const { key, texts, pieces } = sealed(random);
    expect(open(key, Buffer.concat(pieces), random)).toEqual(Buffer.concat(texts));
    const opener = new BodyOpener({ key, purpose: PURPOSE });
    expect(pieces.map(piece => opener.open(piece))).toEqual(texts);
  }
});

test('texts longer than a chunk, of exactly one, and empty ones open, too', () => {
  const random = seededRandom(2);
  for (const length of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
    const key = bytesOf(random, 32);
    const text = Buffer.alloc(length, 'x');
    const body = new BodySealer({ key, purpose: PURPOSE }, bytesOf(random, SALT_BYTES)).seal(text, true);
    const opener = new BodyOpener({ key, purpose: PURPOSE });
    expect(opener.open(body).equals(text)).toBe(true);
    opener.end();
  }
});

/** What somebody in between can do to the pieces of a body; undefined where that would change nothing. */
const TAMPER: Readonly<Record<string, (pieces: Buffer[], random: Random) => Buffer | undefined>> = {
  'a changed bit': (pieces, random) => {
    const body = Buffer.concat(pieces);
    const bit = random.integer(0, body.length * 8 - 1);
    body[bit >> 3]! ^= 1 << (bit & 7);
    return body;
  },
  'another order': (pieces, random) => {
    const order = chunksOf(pieces)
      .map(chunk => ({ chunk, at: random.next() }))
      .sort((a, b) => a.at - b.at)
      .map(({ chunk }) => chunk);
    const body = Buffer.concat([saltOf(pieces), ...order]);
    return body.equals(Buffer.concat(pieces)) ? undefined : body;
  },
  'a chunk that is left out': (pieces, random) => {
    const chunks = chunksOf(pieces);
    chunks.splice(random.integer(0, chunks.length - 1), 1);
    return Buffer.concat([saltOf(pieces), ...chunks]);
  },
  'a chunk that is repeated': (pieces, random) => {
    const chunks = chunksOf(pieces);
    const at = random.integer(0, chunks.length - 1);
    chunks.splice(random.integer(0, chunks.length), 0, chunks[at]!);
    return Buffer.concat([saltOf(pieces), ...chunks]);
  },
  'an end that is cut off': (pieces, random) => {
    const body = Buffer.concat(pieces);
    return body.subarray(0, random.integer(0, body.length - 1));
  },
  'more after its end': (pieces, random) => Buffer.concat([...pieces, bytesOf(random, random.integer(1, 100))]),
};

const saltOf = ([first]: readonly Buffer[]) => first!.subarray(0, SALT_BYTES);
const chunksOf = ([first, ...rest]: readonly Buffer[]) => [first!.subarray(SALT_BYTES), ...rest];

test.each(Object.entries(TAMPER))('a body with %s is refused, in each of 1,000 cases', (_, tamper) => {
  const random = seededRandom(3);
  for (let cases = 0; cases < 1000; ) {
    const { key, pieces } = sealed(random);
    const body = tamper(pieces, random);
    if (!body) continue;
    cases += 1;
    expect(() => open(key, body, random)).toThrow(/^(Chunk \d+ of the|The) encrypted body /);
  }
});

test('a chunk of another body with the same key is refused, and so is a body for another purpose or key', () => {
  const random = seededRandom(4);
  const { key, pieces } = sealed(random);
  const other = new BodySealer({ key, purpose: PURPOSE }, bytesOf(random, SALT_BYTES));
  const foreign = other.seal(Buffer.from('foreign')).subarray(SALT_BYTES);
  expect(() => open(key, Buffer.concat([saltOf(pieces), foreign]), random)).toThrow(
    'Chunk 0 of the encrypted body was changed',
  );
  const body = Buffer.concat(pieces);
  for (const purpose of [purposeOf('/v1/completions'), purposeOf('/v1/chat/completions', '00')])
    expect(() => open(key, body, random, purpose)).toThrow('was changed');
  expect(() => open(bytesOf(random, 32), body, random)).toThrow('was changed');
});
