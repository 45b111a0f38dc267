import { createCipheriv } from 'node:crypto';
import { expect, test } from 'vitest';
import { agreeOnKey, sm2Key, sm3 } from '../../../../stack/gateway/encryption/sm2.ts';
import { openCcm, sealCcm } from '../../../../stack/gateway/encryption/sm4-ccm.ts';

// Published again with the tests of others: of SM3 in OpenSSL, of SM4 in OpenSSL (evpciph_sm4.txt), of the key agreement in Tencent Kona.
const hex = (text: string) => Buffer.from(text.replace(/\s/g, ''), 'hex');

test('SM3 of the example of GB/T 32905-2016, A.1', () => {
  expect(sm3(Buffer.from('a'), Buffer.from('bc')).toString('hex')).toBe(
    '66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0',
  );
});

test('SM4 of the example of GB/T 32907-2016, A.1; and in ECB equal blocks stay equal, which is why it is not used', () => {
  const block = hex('0123456789abcdeffedcba9876543210');
  const cipher = () => createCipheriv('sm4-ecb', block, null).setAutoPadding(false);
  expect(cipher().update(block).toString('hex')).toBe('681edf34d206965e86b3e94f536e4246');
  const twice = cipher().update(Buffer.concat([block, block]));
  expect(twice.subarray(0, 16)).toEqual(twice.subarray(16));
  const sealed = sealCcm(block, Buffer.alloc(12), Buffer.concat([block, block]), Buffer.alloc(0));
  expect(sealed.subarray(0, 16)).not.toEqual(sealed.subarray(16, 32));
});

test('SM4-CCM of RFC 8998, A.2', () => {
  const key = hex('0123456789abcdeffedcba9876543210');
  const nonce = hex('00001234567800000000abcd');
  const associated = hex('feedfacedeadbeeffeedfacedeadbeefabaddad2');
  const text = hex(['aa', 'bb', 'cc', 'dd', 'ee', 'ff', 'ee', 'aa'].map(byte => byte.repeat(8)).join(''));
  const sealed = sealCcm(key, nonce, text, associated);
  expect(sealed.toString('hex')).toBe(
    '48af93501fa62adbcd414cce6034d895dda1bf8f132f042098661572e7483094' +
      'fd12e518ce062c98acee28d95df4416bed31a2f04476c18bb40c84a74b97dc5b' +
      '16842d4fa186f56ab33256971fa110f4',
  );
  expect(openCcm(key, nonce, sealed, associated)).toEqual(text);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(openCcm(key, nonce, changed, associated)).toBeUndefined();
  }
  expect(openCcm(key, nonce, sealed, associated.subarray(1))).toBeUndefined();
});

test('key agreement of GB/T 32918.5-2017, appendix B, on both sides', () => {
  const a = sm2Key(hex('81eb26e9 41bb5af1 6df11649 5f906952 72ae2cd6 3d6c4ae1 678418be 48230029'));
  const b = sm2Key(hex('78512991 7d45a9ea 5437a593 56b82338 eaadda6c eb199088 f14ae10d efa229b5'));
  const onceA = sm2Key(hex('d4de1547 4db74d06 491c440d 305e0124 00990f3e 390c7e87 153c12db 2ea60bb3'));
  const onceB = sm2Key(hex('7e071248 14b30948 9125eaed 10111316 4ebf0f34 58c5bd88 335c1f9d 596243d6'));
  expect(a.publicKey.subarray(1, 33)).toEqual(
    hex('160e1289 7df4edb6 1dd812fe b96748fb d3ccf4ff e26aa6f6 db9540af 49c94232'),
  );
  const sides = [
    { isInitiator: true, key: a, ephemeral: onceA, peerKey: b.publicKey, peerEphemeral: onceB.publicKey },
    { isInitiator: false, key: b, ephemeral: onceB, peerKey: a.publicKey, peerEphemeral: onceA.publicKey },
  ];
  for (const side of sides) {
    const { key, responderProof, initiatorProof } = agreeOnKey({ ...side, length: 16 });
    expect(key).toEqual(hex('6c893473 54de2484 c60b4ab1 fde4c6e5'));
    expect(responderProof).toEqual(hex('d3a0fe15 dee185ce ae907a6b 595cc32a 266ed7b3 367e9983 a896dc32 fa20f8eb'));
    expect(initiatorProof).toEqual(hex('18c7894b 3816df16 cf07b05c 5ec0bef5 d655d58f 779cc1b4 00a4f388 4644db88'));
  }
});

test('keys that are none are refused', () => {
  const [key, ephemeral] = [1, 2].map(byte => sm2Key(Buffer.alloc(32, byte)));
  const side = { isInitiator: true, key: key!, ephemeral: ephemeral!, length: 16, peerKey: key!.publicKey };
  const offCurve = Buffer.from(key!.publicKey);
  offCurve[64]! ^= 1;
  for (const peerEphemeral of [offCurve, Buffer.alloc(65), Buffer.alloc(0), key!.publicKey.subarray(0, 33)])
    expect(() => agreeOnKey({ ...side, peerEphemeral })).toThrow();
  for (const secret of [Buffer.alloc(32), Buffer.alloc(32, 255), Buffer.alloc(31, 1)])
    expect(() => sm2Key(secret)).toThrow('no private key');
});
