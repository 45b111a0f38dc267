import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TuneDocument } from '../../reports/store/tune-document.ts';
import { expectRefusal, squall, start, temporaryFolder } from './squall.ts';

/** A peak for two or three replicas, before and after which one suffices. */
const SCENARIO = join(import.meta.dirname, 'fixtures/tune-load.yaml');
/** Its target asks for four times the replicas, and they stay for an hour. */
const WASTEFUL = join(import.meta.dirname, 'fixtures/wasteful-hpa.yaml');
const ARGS = ['tune', 'hpa', WASTEFUL, '--scenario', SCENARIO, '--minutes', '10'];

describe('tuning an HPA that wastes replicas, in virtual time', () => {
  const out = temporaryFolder();
  afterAll(() => out[Symbol.dispose]());
  let document: TuneDocument;
  let folder: string;
  let progress: string;
  beforeAll(async () => {
    const size = ['--seeds', '1', '--held-out', '4', '--rounds', '2'];
    const { code, stdout, stderr } = await squall([...ARGS, ...size, '--out', out.path, '--json']);
    expect(code, stderr).toBe(0);
    document = JSON.parse(stdout) as TuneDocument;
    folder = join(out.path, readdirSync(out.path)[0]!);
    progress = stderr;
  }, 120_000);

  it('finds one that costs less and keeps the SLOs on held-out seeds', () => {
    const { outcome, saving, evidence, changes, confirmations, tried } = document;
    expect(outcome).toBe('better');
    expect(saving.heldOut!.upper!).toBeLessThan(0);
    // By a fifth at least, but one replica always remains.
    expect(saving.heldOut!.mean).toBeLessThan(-15);
    expect(saving.heldOut!.mean).toBeGreaterThan(-75);
    const heldOut = evidence.find(({ phase }) => phase === 'held-out')!;
    expect([heldOut.own.met, heldOut.tuned!.met]).toEqual([4, 4]);
    expect(heldOut.comparison.seeds).toEqual([43, 44, 45, 46]);
    expect(heldOut.comparison.runs).toHaveLength(8);
    expect(changes.length).toBeGreaterThan(0);
    expect(confirmations).toMatchObject([{ outcome: 'pass', changes }]);
    expect(progress.match(/round \d/g)).toHaveLength(tried.length);
    const [own, ...others] = document.points;
    expect(own).toMatchObject({ file: 'own', met: true, costRatio: 1 });
    expect(others.filter(({ file }) => file === 'tuned')).toMatchObject([{ met: true }]);
    expect(others.find(({ file }) => file === 'tuned')!.costRatio!).toBeLessThan(0.85);
  });

  it('leaves a file that has its changes and all comments of the user, beside a page', () => {
    const text = readFileSync(join(folder, document.yaml!), 'utf8');
    expect(text).toMatch(/^# Tuned from .*wasteful-hpa.yaml by squall/);
    for (const line of ['# The HPA of the inference service.', '  labels: {team: serving} # who to call'])
      expect(text).toContain(`\n${line}\n`);
    for (const { field, own, tuned } of document.changes) expect(text).toContain(`#   ${field}: ${own} -> ${tuned}\n`);
    expect(JSON.parse(readFileSync(join(folder, 'tune.json'), 'utf8'))).toEqual(document);
    expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('HPA tuned under tune-load');
  });

  it('has a command that runs the tuned file, with the figures of the search', async () => {
    using again = temporaryFolder();
    const words = document.runTuned!.replace(/^npx squall /, '').match(/'[^']*'|\S+/g)!;
    const args = words.map(word => word.replace(/^'(.*)'$/, '$1'));
    const { code, stdout, stderr } = await squall([...args, '--out', again.path, '--json']);
    expect(code, stderr).toBe(0);
    const { slos } = JSON.parse(stdout);
    const run = document.evidence[0]!.comparison.runs.find(({ variant }) => variant === 'tuned')!;
    expect(slos.map((slo: { measured: number }) => slo.measured)).toEqual(run.slos.map(({ measured }) => measured));
  });
});

it('keeps the best file so far when it is interrupted, and says that it is not confirmed', async () => {
  using out = temporaryFolder();
  const running = start([...ARGS, '--seeds', '1', '--out', out.path]);
  await running.seen(/best so far/);
  running.child.kill('SIGINT');
  const { code, stdout } = await running.finished;
  expect(code).toBe(130);
  const [folder] = readdirSync(out.path);
  const document: TuneDocument = JSON.parse(readFileSync(join(out.path, folder!, 'tune.json'), 'utf8'));
  expect(document).toMatchObject({ outcome: 'unconfirmed', end: 'interrupted' });
  expect(readFileSync(join(out.path, folder!, document.yaml!), 'utf8')).toMatch(/^# NOT CONFIRMED: tuned from/);
  expect(existsSync(join(out.path, folder!, 'report.html'))).toBe(true);
  expect(stdout).toContain('not confirmed');
});

it('refuses what cannot be tuned before anything runs, by its field', async () => {
  const file = ['tune', 'hpa', WASTEFUL];
  await expectRefusal([...file, '--scenario', 'node-loss'], 3, [/`stack\.autoscaler`.*node-loss/]);
  await expectRefusal([...ARGS, '--minutes', '0'], 3, [/--minutes.*1 to 10000/]);
  await expectRefusal(file, 3, [/--scenario/]);
  await expectRefusal(['tune', 'hpa', SCENARIO, '--scenario', SCENARIO], 3, [/`kind` must be Horizontal/]);
  await expectRefusal(['tune', 'keda', WASTEFUL, '--scenario', SCENARIO], 3, [/Allowed choices are hpa/]);
  await expectRefusal([...ARGS, '--set', 'load.engine=k6'], 3, [/`load\.engine` k6/]);
  await expectRefusal([...ARGS, '--max', '9..8'], 3, [/--max.*range of whole numbers/]);
});
