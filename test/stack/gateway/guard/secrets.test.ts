import { expect, test } from 'vitest';
import { redactText, SECRET_KINDS, type SecretKind } from '../../../../stack/gateway/guard/secrets.ts';

const redact = (text: string, kinds: readonly SecretKind[] = SECRET_KINDS) => redactText(text, kinds, () => {});

test.each([
  // Mobile numbers of China, plain, in groups, with country code, within Chinese, in full width.
  ['call 13800138000 now', 'call [PHONE] now'],
  ['138 0013 8000, or 138-0013-8000.', '[PHONE], or [PHONE].'],
  ['86-13800138000 / +86 138 0013 8000 / +8613800138000 / 0086 13800138000', '[PHONE] / [PHONE] / [PHONE] / [PHONE]'],
  ['我的电话是13800138000，谢谢', '我的电话是[PHONE]，谢谢'],
  ['１３８００１３８０００', '[PHONE]'],
  ['tel:13800138000', 'tel:[PHONE]'],
  // Fixed lines of China.
  ['010-12345678 (0571) 8765 4321 02112345678', '[PHONE] [PHONE] [PHONE]'],
  // International.
  ['+1 (415) 555-2671, +44 20 7946 0958, +33 6 12 34 56 78, +49-30-901820', '[PHONE], [PHONE], [PHONE], [PHONE]'],
  ['(415) 555-2671 or 415.555.2671 or 1-415-555-2671', '[PHONE] or [PHONE] or [PHONE]'],
  // What follows a number is none of it.
  ['+86 13800138000 2024 orders', '[PHONE] 2024 orders'],
  ['mail zhang.wei+x@mail.example.com.', 'mail [EMAIL].'],
  ['发到zhang@example.com谢谢', '发到[EMAIL]谢谢'],
  ['josé@exämple.fr and 13800138000@qq.com', '[EMAIL] and [EMAIL]'],
  // Identity cards: the check character of 11010519491231002X is X, that of 440524188001010014 is 4.
  ['id 11010519491231002X', 'id [ID-CARD]'],
  ['身份证号440524188001010014。', '身份证号[ID-CARD]。'],
  ['110105 19491231 002x', '[ID-CARD]'],
])('redacts: %s', (text, redacted) => {
  expect(redact(text)).toBe(redacted);
});

test.each([
  // Part of a longer number, a fraction, a wrong check character, a day that does not exist.
  '113800138000',
  '138001380001',
  'pi is 3.13812345678',
  '110105194912310021',
  '110105194902300022',
  // Numbers of other kinds.
  '2026-11-29 11:28:05',
  '192.168.100.200',
  'order 20261129112805',
  '+1.5 2.25 3.125 and 1+1=2',
  'v1.2.3 and 1,234,567,890',
  'a@b, @home, x@localhost',
  '12800138000',
  'sha 5f0e13800138000abc'.replace('13800138000', '12345678'),
])('leaves alone: %s', text => {
  expect(redact(text)).toBe(text);
});

test('redacts only the kinds that are configured', () => {
  const text = '13800138000 a@b.com 11010519491231002X';
  expect(redact(text, ['email'])).toBe('13800138000 [EMAIL] 11010519491231002X');
  expect(redact(text, ['identity-card', 'phone'])).toBe('[PHONE] a@b.com [ID-CARD]');
  expect(redact(text, [])).toBe(text);
});

test('stays linear in texts that were made to be slow', () => {
  // 50,000 characters each; a quadratic search would take minutes.
  for (const piece of ['a', '1', '@', 'a@', '1 ', '+1(', 'a.', '@a.', '13800138000@']) {
    const startMs = performance.now();
    redact(piece.repeat(50_000 / piece.length));
    expect(performance.now() - startMs, piece).toBeLessThan(3000);
  }
});
