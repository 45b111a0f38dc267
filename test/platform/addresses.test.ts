import { compare } from 'bcryptjs';
import { expect, it } from 'vitest';
import { readyUrlOf } from '../../platform/addresses.ts';
import { topologyOf } from '../../stack/topology.ts';
import { FRESH } from '../fresh.ts';
import { settled } from '../stack/settled.ts';

it('has Prometheus require a password of the run, which its probe carries and its files only have as a hash', async () => {
  const topologyFor = (options: object) => topologyOf(settled(options), 20, 7, FRESH);
  const [one, other] = [topologyFor({ prometheus: {} }), topologyFor({ prometheus: {} })];
  const { username, password } = one.prometheusLogin!;
  expect(password).not.toBe(other.prometheusLogin!.password);
  const prometheus = one.replicas.find(({ name }) => name === 'prometheus')!;
  const where = { replica: () => '127.0.0.1:9090', link: () => '' };
  expect(readyUrlOf(prometheus, where)).toBe(`http://${username}:${password}@127.0.0.1:9090/-/ready`);
  if (prometheus.run.kind !== 'tool') throw new Error('expected a tool');
  const passed = {
    ...{ listen: '127.0.0.1:9090', listeners: {}, directory: '/runs/a/prometheus', token: 't', isInImage: false },
    links: Object.fromEntries(prometheus.uses.map((name, index) => [name, `127.0.0.1:${2000 + index}`])),
  };
  const files = await prometheus.files!(passed);
  expect(prometheus.run.args(passed)).toContain('--web.config.file=/runs/a/prometheus/web.yml');
  const shown = JSON.stringify([files, prometheus.run.args(passed), prometheus.environment(passed)]);
  expect(shown).not.toContain(password);
  expect(await compare(password, /\$2b\S+/.exec(files['web.yml']!)![0])).toBe(true);
  expect(topologyFor({})).not.toHaveProperty('prometheusLogin');
});
