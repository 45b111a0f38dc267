import { createHash } from 'node:crypto';
import { weierstrass } from '@noble/curves/abstract/weierstrass.js';

/** Recommended curve of GB/T 32918.5-2017. */
const Point = weierstrass({
  p: 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn,
  n: 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n,
  h: 1n,
  a: 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn,
  b: 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n,
  Gx: 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n,
  Gy: 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n,
});
type Point = InstanceType<typeof Point>;
const ORDER = Point.Fn.ORDER;
/** 2^w of GB/T 32918.3, 6.1: w = ⌈⌈log2 n⌉ / 2⌉ − 1 = 127. */
const TWO_W = 1n << 127n;
/** Default identity of GB/T 32918.2 and RFC 8998. */
const DEFAULT_ID = Buffer.from('1234567812345678');

/** Private key and its public point, uncompressed: 04, x, y. */
export interface Sm2Key {
  readonly d: bigint;
  readonly publicKey: Buffer;
}

/** SM3 (GB/T 32905) of the parts one after the other. */
export function sm3(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sm3');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Key of 32 bytes. @throws Error unless it is 1 … n − 2 */
export function sm2Key(secret: Uint8Array): Sm2Key {
  const d = BigInt(`0x${Buffer.from(secret).toString('hex')}`);
  if (secret.length !== 32 || d < 1n || d > ORDER - 2n) throw new Error('it is no private key of SM2');
  return { d, publicKey: Buffer.from(Point.BASE.multiply(d).toBytes(false)) };
}

/** What one side knows in {@link agreeOnKey}. Public keys are uncompressed points. */
export interface AgreementSide {
  /** Whether this side began. */
  readonly isInitiator: boolean;
  readonly key: Sm2Key;
  /** Of this exchange alone. */
  readonly ephemeral: Sm2Key;
  readonly peerKey: Uint8Array;
  readonly peerEphemeral: Uint8Array;
  /** Length of the key, in bytes. */
  readonly length: number;
}

/** Agreed key, and what shows the other side that one has it: of the responder (S1, SB) and of the initiator (S2, SA). */
export interface Agreement {
  readonly key: Buffer;
  readonly responderProof: Buffer;
  readonly initiatorProof: Buffer;
}

/**
 * Key agreement of GB/T 32918.3-2016, on one side, with the default identities.
 *
 * ```
 *  initiator (dA, PA, rA, RA)            responder (dB, PB, rB, RB)
 *      RA ───────────────────────────────►  t = dB + x̄B·rB, V = t·(PA + x̄A·RA), K = KDF(V ‖ ZA ‖ ZB)
 *      ◄─────────────────────────── RB, SB
 *  the same with the sides exchanged; SB is compared
 * ```
 * @throws Error if a public key is no point of the curve
 */
export function agreeOnKey({ isInitiator, key, ephemeral, peerKey, peerEphemeral, length }: AgreementSide): Agreement {
  const [peer, peerOnce] = [pointOf(peerKey), pointOf(peerEphemeral)];
  const t = (key.d + reducedX(ephemeral.publicKey) * ephemeral.d) % ORDER;
  const shared = peer.add(peerOnce.multiply(reducedX(peerEphemeral) % ORDER)).multiply(t);
  if (shared.is0()) throw new Error('the keys agree on the point at infinity');
  const [x, y] = coordinates(shared.toBytes(false));
  const own = { z: identityHash(key.publicKey), once: ephemeral.publicKey };
  const other = { z: identityHash(peerKey), once: peerEphemeral };
  const [a, b] = isInitiator ? [own, other] : [other, own];
  const inner = sm3(x, a.z, b.z, a.once.subarray(1), b.once.subarray(1));
  return {
    key: deriveKey(Buffer.concat([x, y, a.z, b.z]), length),
    responderProof: sm3(Uint8Array.of(2), y, inner),
    initiatorProof: sm3(Uint8Array.of(3), y, inner),
  };
}

/** Key derivation function of GB/T 32918.3, 5.4.3. */
function deriveKey(z: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 1; blocks.length * 32 < length; counter += 1) {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(counter);
    blocks.push(sm3(z, bytes));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** Z of GB/T 32918.3, 5.5: hash of identity, curve and public key. */
function identityHash(publicKey: Uint8Array): Buffer {
  const bits = Buffer.alloc(2);
  bits.writeUInt16BE(DEFAULT_ID.length * 8);
  const { a, b } = Point.CURVE();
  const curve = [a, b].map(value => Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
  return sm3(bits, DEFAULT_ID, ...curve, Point.BASE.toBytes(false).subarray(1), publicKey.subarray(1));
}

/** x̄ of GB/T 32918.3, 6.1: 2^w + (x mod 2^w). */
function reducedX(publicKey: Uint8Array): bigint {
  const [x] = coordinates(publicKey);
  return TWO_W + (BigInt(`0x${x.toString('hex')}`) & (TWO_W - 1n));
}

function coordinates(point: Uint8Array): [Buffer, Buffer] {
  return [Buffer.from(point.subarray(1, 33)), Buffer.from(point.subarray(33, 65))];
}

/** @throws Error for bytes that are no uncompressed point of the curve */
function pointOf(bytes: Uint8Array): Point {
  if (bytes.length !== 65 || bytes[0] !== 4) throw new Error('it is no uncompressed point of 65 bytes');
  return Point.fromBytes(bytes);
}
