import { expect, it } from 'vitest';
import { listModels, modelsIn } from '../../../harness/host/models.ts';
import { thisMachine } from '../../../harness/host/network.ts';
import { serve } from '../../load/server.ts';

it.each([
  ['{"object":"list","data":[{"id":"a","permission":[{"id":"p"}]},{"id":"b"}]}', ['a', 'b']],
  ['[{"id":"a"},{"id":"b"}]', ['a', 'b']],
  ['{"models":[{"name":"a","model":"a"}]}', ['a']],
  ['{"data":["a"]}', ['a']],
  ['{"data":[{"id":""},{"id":5},null,{"id":"a"}]}', ['a']],
  ['{"data":[]}', []],
  ['{}', []],
  ['null', []],
  ['<html>', []],
])('reads the models of %s', (text, models) => expect(modelsIn(text)).toEqual(models));

it.each([
  [200, '{"data":[]}', 'NO_MODEL', /answer lists none/],
  [404, '{}', 'NO_MODEL', /status 404/],
  [401, '{}', 'NO_MODEL', /status 401/],
  [503, '{"data":[{"id":"a"}]}', 'MODELS_UNAVAILABLE', /status 503/],
])('tells what a server answered instead: %i %s', async (status, text, code, why) => {
  await using server = await serve((_, response) => void response.writeHead(status).end(text));
  const query = { url: server.url, address: '127.0.0.1', port: Number(new URL(server.url).port), tls: null };
  const listed = listModels({ ...query, path: '/v1/models', headers: {} }, thisMachine, new AbortController().signal);
  await expect(listed).rejects.toMatchObject({ code, message: expect.stringMatching(why), next: expect.any(String) });
});
