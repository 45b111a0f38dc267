import type { Verdict } from '../../store/run-document.ts';
import type { SuiteCell, SuiteDocument, SuiteProof } from '../../store/suite-document.ts';
import { attribute, outcome } from '../junit.ts';
import { seedText } from './texts.ts';

/**
 * JUnit XML of a suite: a test suite for each place, whose cases are its validity, its SLOs and its proofs. What its platform or this machine
 * cannot run is skipped; what did not run though it could is an error, since nothing was verified.
 */
export function renderSuiteJunit(document: SuiteDocument): string {
  const suites = document.cells.map(cell => placeSuite(cell, document));
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attribute('name', `squall.${document.suite}`)}>`,
    ...suites,
    '</testsuites>',
    '',
  ].join('\n');
}

interface Case {
  readonly name: string;
  readonly problem: string;
}

function placeSuite(cell: SuiteCell, { startedAt }: SuiteDocument): string {
  const { scenario, platform, run } = cell;
  const name = `squall.${scenario}`;
  const cases = casesOf(cell);
  const count = (element: string) => cases.filter(({ problem }) => problem.includes(`<${element} `)).length;
  const attributes = [
    attribute('name', `${name} [${platform}, seed ${seedText(cell)}]`),
    attribute('tests', cases.length),
    attribute('failures', count('failure')),
    attribute('errors', count('error')),
    attribute('skipped', count('skipped')),
    attribute('time', ((run?.wallMs ?? 0) / 1000).toFixed(3)),
    attribute('timestamp', startedAt.replace(/\.\d+Z$/, '')),
  ].join('');
  const lines = cases.map(({ name: own, problem }) => {
    const head = `    <testcase${attribute('classname', `${name}.${platform}`)}${attribute('name', `${own} [seed ${seedText(cell)}]`)}`;
    return problem === '' ? `${head}/>` : `${head}>\n${problem}\n    </testcase>`;
  });
  return [`  <testsuite${attributes}>`, ...lines, '  </testsuite>'].join('\n');
}

function casesOf({ state, sentence, run, proofs }: SuiteCell): Case[] {
  if (state === 'unsupported' || state === 'missing')
    return [{ name: 'the scenario can run', problem: outcome('skipped', state, sentence) }];
  if (state !== 'ended') return [{ name: 'the scenario ran', problem: outcome('error', state, sentence) }];
  const { verdict, slos, reasons, exitCode } = run!;
  const isInvalid = verdict === 'invalid' || exitCode >= 4;
  return [
    { name: 'the run is valid', problem: isInvalid ? outcome('error', 'invalid', reasons.join('\n')) : '' },
    ...slos.map(slo => ({
      name: `${slo.name} [${slo.window}: ${slo.objective}]`,
      problem: problemOf(slo.verdict, slo.reason),
    })),
    ...proofs.filter(proof => proof.outcome !== 'not-run' || verdict === 'pass').map(proofCase),
  ];
}

function problemOf(verdict: Verdict, reason: string): string {
  if (verdict === 'pass') return '';
  return outcome(verdict === 'fail' ? 'failure' : 'error', verdict, reason);
}

function proofCase({ without, outcome: found, sentence }: SuiteProof): Case {
  const element = found === 'proves-nothing' || found === 'breaks-more' ? 'failure' : 'error';
  return { name: `proof: without ${without}`, problem: found === 'holds' ? '' : outcome(element, found, sentence) };
}
