import { it } from 'vitest';
import { noDocker } from '../docker/docker-stack.ts';
import { expectQuietDrains } from './drains.ts';

it('ten scale-downs under load lose no request, streams included, on processes', async () => {
  await expectQuietDrains('process');
});

it.skipIf(Boolean(noDocker))(`and on containers ${noDocker || ''}`, async () => {
  await expectQuietDrains('docker');
});
