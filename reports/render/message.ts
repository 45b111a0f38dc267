import { formatMs } from '../../harness/quantity.ts';
import type { RunDocument } from '../store/run-document.ts';
import type { SuiteDocument } from '../store/suite-document.ts';
import type { VariantsDocument } from '../store/variants-document.ts';
import { badProofsOf, changesOf, conclusion, failuresOf, seedText, statusOf } from './suite/texts.ts';

/** What is told about results when they are there: the body of a webhook. */
export interface Message {
  readonly schema: 1;
  readonly kind: 'run' | 'variants' | 'suite' | 'error';
  /** Id of the run or suite; empty for one that left none. */
  readonly id: string;
  /** Name of the scenario or suite. */
  readonly name: string;
  readonly verdict: 'pass' | 'fail' | 'inconclusive' | 'invalid' | 'interrupted' | 'error';
  readonly exitCode: number;
  /** In one sentence. */
  readonly summary: string;
  /** What is wrong, worst first, at most {@link MAX_DETAILS} sentences. */
  readonly details: readonly string[];
  readonly revision?: NonNullable<RunDocument['revision']>;
  /** Page of the job of CI; absent elsewhere. */
  readonly link?: string;
}

type Where = Pick<Message, 'link'>;

/** Sentences of a message. */
const MAX_DETAILS = 20;
/** Characters of a sentence; Slack takes 3000 in a section. */
const MAX_CHARACTERS = 250;

/** About a run. */
export function runMessage(document: RunDocument, where: Where): Message {
  const { id, scenario, platform, seed, verdict, interrupted, exitCode, reasons, revision, durationMs } = document;
  const own = interrupted ? 'interrupted' : verdict;
  return {
    ...{ schema: 1, kind: 'run', id, name: scenario, verdict: own, exitCode },
    summary: `${scenario} on ${platform}, seed ${seed}: ${own} after ${formatMs(durationMs)}`,
    details: cut(reasons),
    ...(revision && { revision }),
    ...where,
  };
}

/** About the variants of a scenario. */
export function variantsMessage(document: VariantsDocument, where: Where): Message {
  const { id, scenario, platform, exitCode, interrupted, variants, runs } = document;
  const verdict = interrupted ? 'interrupted' : (BY_EXIT_CODE[exitCode] ?? 'error');
  return {
    ...{ schema: 1, kind: 'variants', id, name: scenario, verdict, exitCode },
    summary: `${scenario} on ${platform}, ${variants.length} variants: ${verdict}`,
    details: cut(
      runs.flatMap(({ variant, seed, verdict, reasons }) =>
        verdict === 'pass' ? [] : [`${variant}, seed ${seed}: ${reasons[0] ?? verdict}`],
      ),
    ),
    ...where,
  };
}

/** About a suite: what is worse than its baseline, what did not pass, and proofs that do not hold. */
export function suiteMessage(document: SuiteDocument, where: Where): Message {
  const { id, suite, exitCode, revision } = document;
  const worse = changesOf(document).filter(({ change }) => change === 'regression');
  return {
    ...{ schema: 1, kind: 'suite', id, name: suite, verdict: statusOf(document), exitCode },
    summary: `Suite ${suite}: ${conclusion(document)}`,
    details: cut([
      ...worse.map(({ scenario, platform, sentence }) => `${scenario} on ${platform}: ${sentence}`),
      ...failuresOf(document).map(
        cell => `${cell.scenario} on ${cell.platform}, seed ${seedText(cell)}: ${cell.sentence}`,
      ),
      ...badProofsOf(document).map(({ cell, proof }) => `${cell.scenario} on ${cell.platform}: ${proof.sentence}`),
    ]),
    ...(revision && { revision }),
    ...where,
  };
}

/** About what could not be carried out. @param name of the scenario or suite */
export function errorMessage(name: string, exitCode: number, reason: string, where: Where): Message {
  const verdict = exitCode === 130 ? 'interrupted' : 'error';
  const summary = `${name}: ${verdict === 'error' ? 'could not be carried out' : 'was interrupted'}`;
  return { schema: 1, kind: 'error', id: '', name, verdict, exitCode, summary, details: cut([reason]), ...where };
}

/** The same as an incoming webhook of Slack takes it (https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks). */
export function slackMessage({ verdict, summary, details, revision, link }: Message): object {
  const title = `${SIGNS[verdict]} *${slackText(summary)}*`;
  const commit = revision && `commit ${revision.commit.slice(0, 10)}${revision.branch ? ` on ${revision.branch}` : ''}`;
  const context = [...(commit ? [slackText(commit)] : []), ...(link ? [`<${link}|reports>`] : [])].join(' · ');
  const section = (text: string) => ({ type: 'section', text: { type: 'mrkdwn', text } });
  return {
    text: `${SIGNS[verdict]} ${slackText(summary)}`,
    blocks: [
      section(title),
      ...details.slice(0, 10).map(detail => section(`• ${slackText(detail)}`)),
      ...(details.length > 10 ? [section(`… and ${details.length - 10} more`)] : []),
      ...(context ? [{ type: 'context', elements: [{ type: 'mrkdwn', text: context }] }] : []),
    ],
  };
}

const BY_EXIT_CODE: Readonly<Record<number, Message['verdict']>> = { 0: 'pass', 1: 'fail', 2: 'inconclusive' };
const SIGNS: Readonly<Record<Message['verdict'], string>> = {
  pass: '✅',
  fail: '❌',
  inconclusive: '❔',
  invalid: '⚠️',
  interrupted: '⏹️',
  error: '⚠️',
};

/** Nothing in it is markup of Slack's, nor mentions anybody; asterisks only style. */
function slackText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function cut(sentences: readonly string[]): string[] {
  return sentences.slice(0, MAX_DETAILS).map(text => {
    const line = text.replaceAll(/\s+/g, ' ').trim().toWellFormed();
    return line.length > MAX_CHARACTERS ? `${line.slice(0, MAX_CHARACTERS - 1).toWellFormed()}…` : line;
  });
}
