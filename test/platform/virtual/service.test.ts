import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { NO_COSTS } from '../../../platform/virtual/net/host.ts';
import { virtualService } from '../../../platform/virtual/service.ts';
import { newWorld } from '../../../platform/virtual/world.ts';
import { temporaryFolder } from '../../e2e/squall.ts';

it('a service that throws ends with exit code 1, as a process does, and its client sees the end; another one goes on', async () => {
  using folder = temporaryFolder();
  const world = newWorld(1);
  const { clock, network } = world.harness;
  const start = (name: string, address: string) =>
    virtualService(
      {
        ...{ name, address, names: [], environment: {}, costs: NO_COSTS },
        logPath: join(folder.path, `${name}.log`),
        async serve({ network: own, logger, stopped }) {
          const log = logger({ name });
          const server = createServer((request, response) => {
            if (request.url !== '/bad') response.end('fine');
            // As an `error` event that nobody listens to.
            else
              process.nextTick(() => {
                throw new Error('nobody expected this');
              });
            void clock.sleep(5000).then(() => log.info('said by the dead'));
          });
          await own.listen(server, { host: address, port: 80 });
          await stopped;
        },
      },
      world,
    ).start();
  const outcome = await world.time.run(
    (async () => {
      const [bad, good] = [start('bad', '10.0.1.1'), start('good', '10.0.1.2')];
      await clock.sleep(1000);
      const cause = await network.fetch('http://10.0.1.1/bad').catch(error => error.cause.code);
      const { how } = await bad.gone;
      await clock.sleep(10_000);
      const still = await (await network.fetch('http://10.0.1.2/')).text();
      good.signal('SIGTERM');
      return { cause, how, still, goodEnded: (await good.gone).how };
    })(),
  );
  expect(outcome).toEqual({ cause: 'UND_ERR_SOCKET', how: 'exit code 1', still: 'fine', goodEnded: 'exit code 0' });
  expect(readFileSync(join(folder.path, 'bad.log'), 'utf8')).toBe('bad: nobody expected this\n');
});
