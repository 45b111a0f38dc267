import type { RenderInput, RunDocument, SloResult } from '../store/run-document.ts';
import { FAILURES_TITLE, failureNotes, formatHeaders, isBeyond, oneLine, virtualNote, warningLines } from './cells.ts';

/**
 * JUnit XML for CI: one test case for the validity of the run, then one for each SLO.
 *
 * | verdict | element |
 * |---|---|
 * | pass | none |
 * | fail | `<failure>` |
 * | inconclusive, invalid | `<error>` |
 *
 * That time was virtual is a property and the first line of the output of the suite, which has what the service said with failures, and warnings. An inconclusive SLO is an error and not `<skipped>`, because CI shows skipped cases as green although nothing was verified.
 */
export function renderJunit({ document }: RenderInput): string {
  const cases = [validityCase(document), ...document.slos.map(slo => sloCase(document, slo))];
  const count = (element: string) => cases.filter(text => text.includes(`<${element} `)).length;
  const attributes = [
    attribute('name', `squall.${document.scenario}`),
    attribute('tests', cases.length),
    attribute('failures', count('failure')),
    attribute('errors', count('error')),
    attribute('skipped', 0),
    attribute('time', (document.durationMs / 1000).toFixed(3)),
    attribute('timestamp', document.startedAt.replace(/\.\d+Z$/, '')),
  ].join('');
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    '<testsuites>',
    `  <testsuite${attributes}>`,
    '    <properties>',
    ...properties(document),
    '    </properties>',
    ...cases,
    ...output(document),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function properties(document: RunDocument): string[] {
  const { id, seed, platform, verdict, replay } = document;
  const note = virtualNote(document);
  return Object.entries({ id, seed, platform, verdict, replay, ...(note && { time: note }) }).map(
    ([name, value]) => `      <property${attribute('name', name)}${attribute('value', value)}/>`,
  );
}

function validityCase(document: RunDocument): string {
  const isInvalid = document.verdict === 'invalid' || document.interrupted;
  const problem = isInvalid
    ? outcome('error', document.interrupted ? 'interrupted' : 'invalid', document.reasons.join('\n'))
    : '';
  return testCase(document, 'the run is valid', problem);
}

function sloCase(document: RunDocument, slo: SloResult): string {
  const { measured, unit, infinite = [] } = slo;
  const found = isBeyond(slo) ?? (measured === null ? 'nothing' : `${measured} ${unit}`);
  const bound = (name: 'lower' | 'upper') => slo.confidence[name] ?? (infinite.includes(name) ? '∞' : '-');
  const details = `${slo.reason}\n${slo.objective} on ${slo.window}: measured ${found}, bounds ${bound('lower')} to ${bound('upper')}, ${slo.samples} samples`;
  const problem =
    slo.verdict === 'pass' ? '' : outcome(slo.verdict === 'fail' ? 'failure' : 'error', slo.verdict, details);
  return testCase(document, `${slo.name} [${slo.window}: ${slo.objective}]`, problem);
}

function testCase({ scenario }: RunDocument, name: string, problem: string): string {
  const head = `    <testcase${attribute('classname', `squall.${scenario}`)}${attribute('name', name)}`;
  return problem === '' ? `${head}/>` : `${head}>\n${problem}\n    </testcase>`;
}

function output(document: RunDocument): string[] {
  const failures = failureNotes(document).flatMap(note => [
    `${note.text} (×${note.count})`,
    ...[oneLine(note.example), formatHeaders(note)].filter(line => line !== '').map(line => `  ${line}`),
  ]);
  const note = virtualNote(document);
  const lines = [
    ...(note === undefined ? [] : [note]),
    ...(failures.length > 0 ? [`${FAILURES_TITLE}:`, ...failures] : []),
    ...warningLines(document).map(line => `Warning: ${line}`),
  ];
  return lines.length === 0 ? [] : [`    <system-out>${escapeXml(lines.join('\n'))}</system-out>`];
}

/** Element of a test case that did not pass, with its text. */
export function outcome(element: 'failure' | 'error' | 'skipped', type: string, text: string): string {
  const message = text.split('\n')[0] ?? '';
  return `      <${element}${attribute('type', type)}${attribute('message', message)}>${escapeXml(text)}</${element}>`;
}

/** Attribute of an element, with a space before it. */
export function attribute(name: string, value: string | number): string {
  return ` ${name}="${escapeXml(String(value)).replaceAll('\n', '&#10;')}"`;
}

/** Escapes text for XML 1.0 content and attributes; characters not allowed in XML become U+FFFD. */
export function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // biome-ignore lint/suspicious/noControlCharactersInRegex: XML 1.0 does not allow them
      .replaceAll(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
  );
}
