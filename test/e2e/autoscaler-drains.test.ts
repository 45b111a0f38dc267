import { it } from 'vitest';
import { expectQuietDrains } from './drains.ts';

it('ten scale-downs under load lose no request, streams included, in virtual time', async () => {
  await expectQuietDrains('virtual');
});
