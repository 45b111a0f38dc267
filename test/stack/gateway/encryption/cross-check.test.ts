import { execFileSync } from 'node:child_process';
import { createCipheriv, createECDH, createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { findProgram } from '../../../../harness/host/programs.ts';
import { seededRandom } from '../../../../harness/random.ts';
import { agreeOnKey, sm2Key, sm3 } from '../../../../stack/gateway/encryption/sm2.ts';
import { openCcm, sealCcm } from '../../../../stack/gateway/encryption/sm4-ccm.ts';
import { missing } from '../../../require.ts';

const random = seededRandom(32_918);
const bytes = (count: number) => Buffer.from(Array.from({ length: count }, () => random.integer(0, 255)));
const ORDER = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;
const toBytes = (value: bigint) => Buffer.from(value.toString(16).padStart(64, '0'), 'hex');

/** Public point of a scalar by OpenSSL, which does the arithmetic of the curve itself. */
function pointOf(scalar: Buffer): Buffer {
  const curve = createECDH('SM2');
  curve.setPrivateKey(scalar);
  return curve.getPublicKey();
}

describe('SM2 by another implementation of its curve', () => {
  test('keys are those of OpenSSL', () => {
    for (let run = 0; run < 20; run += 1) {
      const secret = bytes(32);
      expect(sm2Key(secret).publicKey).toEqual(pointOf(secret));
    }
  });

  // V = tA·(PB + x̄B·RB) = (tA·tB)·G, since the cofactor is 1: whoever knows both secrets needs no sum of points.
  test('agreed keys are those of one multiplication by both secrets', () => {
    for (let run = 0; run < 20; run += 1) {
      const [a, onceA, b, onceB] = [bytes(32), bytes(32), bytes(32), bytes(32)].map(sm2Key);
      const t = (own: typeof a, once: typeof a) => {
        const low = BigInt(`0x${once!.publicKey.subarray(17, 33).toString('hex')}`) & (2n ** 127n - 1n);
        return own!.d + (2n ** 127n + low) * once!.d;
      };
      const shared = pointOf(toBytes((t(a, onceA) * t(b, onceB)) % ORDER)).subarray(1);
      const z = (key: typeof a) =>
        createHash('sm3')
          .update(Buffer.from([0, 128]))
          .update('1234567812345678')
          .update(toBytes(0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn))
          .update(toBytes(0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n))
          .update(pointOf(toBytes(1n)).subarray(1))
          .update(key!.publicKey.subarray(1))
          .digest();
      const kdf = createHash('sm3')
        .update(shared)
        .update(z(a))
        .update(z(b))
        .update(Buffer.from([0, 0, 0, 1]))
        .digest();
      const side = { isInitiator: true, key: a!, ephemeral: onceA!, length: 32 };
      const agreed = agreeOnKey({ ...side, peerKey: b!.publicKey, peerEphemeral: onceB!.publicKey });
      expect(agreed.key).toEqual(kdf);
    }
  });
});

/** CCM of NIST SP 800-38C, 6.1, from single blocks, with t = 16 and q = 3. */
function ccmFromBlocks(key: Buffer, nonce: Buffer, text: Buffer, associated: Buffer): Buffer {
  const block = (input: Uint8Array) => createCipheriv('sm4-ecb', key, null).setAutoPadding(false).update(input);
  const xor = (a: Uint8Array, b: Uint8Array) => Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
  const number = (value: number, length: number) => {
    const out = Buffer.alloc(length);
    out.writeUIntBE(value, 0, length);
    return out;
  };
  const blocksOf = (data: Buffer) =>
    Array.from({ length: Math.ceil(data.length / 16) }, (_, i) => data.subarray(i * 16, i * 16 + 16));
  const flags = 64 * Number(associated.length > 0) + 8 * ((16 - 2) / 2) + (3 - 1);
  const counterBlock = (i: number) => block(Buffer.concat([number(3 - 1, 1), nonce, number(i, 3)]));
  let y = block(Buffer.concat([number(flags, 1), nonce, number(text.length, 3)]));
  const first = associated.length > 0 ? blocksOf(Buffer.concat([number(associated.length, 2), associated])) : [];
  for (const each of [...first, ...blocksOf(text)]) y = block(xor(y, each));
  const sealed = blocksOf(text).map((each, index) => xor(each, counterBlock(index + 1)));
  return Buffer.concat([...sealed, xor(y, counterBlock(0))]);
}

test('SM4-CCM of any length is that of single blocks', () => {
  for (const length of [0, 1, 15, 16, 17, 33, 4097])
    for (const more of [0, 1, 13, 14, 15, 16, 30]) {
      const [key, nonce, text, associated] = [bytes(16), bytes(12), bytes(length), bytes(more)];
      const sealed = sealCcm(key!, nonce!, text!, associated!);
      expect(sealed.equals(ccmFromBlocks(key!, nonce!, text!, associated!))).toBe(true);
      expect(openCcm(key!, nonce!, sealed, associated!)?.equals(text!)).toBe(true);
    }
});

const skipped = missing('openssl', findProgram('openssl') !== undefined);

describe.skipIf(skipped)(`the openssl of this machine (${skipped || 'found'})`, () => {
  const openssl = (input: Buffer, ...options: string[]) =>
    execFileSync(findProgram('openssl')!.command, options, { input, stdio: ['pipe', 'pipe', 'pipe'] });

  test('has the same digests', () => {
    for (const length of [0, 55, 56, 64, 1000]) {
      const data = bytes(length);
      expect(sm3(data)).toEqual(openssl(data, 'dgst', '-sm3', '-binary'));
    }
  });

  test('has the same public key of a private one', () => {
    const secret = bytes(32);
    // ECPrivateKey of RFC 5915: version 1, the key, and the name of the curve.
    const head = Buffer.from('30310201010420', 'hex');
    const curve = Buffer.from('a00a06082a811ccf5501822d', 'hex');
    const found = openssl(Buffer.concat([head, secret, curve]), 'pkey', '-inform', 'DER', '-pubout', '-outform', 'DER');
    expect(found.subarray(-65)).toEqual(sm2Key(secret).publicKey);
  });
});
