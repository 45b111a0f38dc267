import { expect, it } from 'vitest';
import { thisMachine as machine } from '../../../harness/host/network.ts';
import { targetModels } from '../../../scenarios/target/models.ts';
import { checkTarget } from '../../../scenarios/target/target.ts';
import { serve } from '../../load/server.ts';

it('asks a server that loads its model again for as long as it is given, and no other', async () => {
  await using server = await serve(({ path, order, headers }, response) => {
    const isRight = path === '/openai/models?v=1' && headers['api-key'] === 'k' && headers.authorization === 'Bearer a';
    response.writeHead(isRight ? (order === 0 ? 503 : 200) : 404).end('{"data":[{"id":"a"},{"id":"b"}]}');
  });
  const external = { ...(await checkTarget(`${server.url}/openai?v=1`, { machine })), authorization: 'Bearer a' };
  const signal = new AbortController().signal;
  const ask = (readyWithinMs: number, key = 'k') =>
    targetModels({ ...external, readyWithinMs }, { 'api-key': key }, machine, signal);
  await expect(ask(0)).rejects.toMatchObject({ code: 'MODELS_UNAVAILABLE' });
  expect(await ask(0)).toEqual(['a', 'b']);
  await expect(ask(5000, 'wrong')).rejects.toMatchObject({ code: 'NO_MODEL' });
  expect(server.asked).toHaveLength(3);
  await using loading = await serve(({ order }, response) => {
    response.writeHead(order < 2 ? 503 : 200).end('{"data":[{"id":"a"}]}');
  });
  const slow = { ...(await checkTarget(loading.url, { machine })), authorization: '', readyWithinMs: 20_000 };
  expect(await targetModels(slow, {}, machine, signal)).toEqual(['a']);
  expect(loading.asked).toHaveLength(3);
});
