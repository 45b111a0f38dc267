import { styleText } from 'node:util';
import { type Command, Option } from 'commander';
import { createLogUpdate } from 'log-update';
import { type Attack, asksModel, LIMITS } from '../faults/slow-http/attack.ts';
import { attackKinds, loadAttack } from '../faults/slow-http/attacker/catalog.ts';
import { firstModel } from '../faults/slow-http/attacker/model.ts';
import { resolveTarget } from '../faults/slow-http/attacker/target.ts';
import { systemClock } from '../harness/clock.ts';
import { SquallError } from '../harness/errors.ts';
import type { LocatedTarget } from '../harness/host/target.ts';
import { parseDurationMs, parseRatePerSecond } from '../harness/quantity.ts';
import { reachableAddress } from '../platform/external/reach.ts';
import { didYouMean } from '../reports/nearest.ts';
import { type AttackDocument, type AttackPlan, runAttack } from '../scenarios/attack/session.ts';
import { type AttackVerdict, DEFAULT_THRESHOLDS } from '../scenarios/attack/verdict.ts';
import { parseOverrides } from '../scenarios/override.ts';
import { checkShape, shown } from '../scenarios/shape.ts';
import { targetAuthorization } from '../scenarios/target.ts';
import { liveLines, summaryLines } from './attack-progress.ts';
import { EXIT } from './exit.ts';
import { printJson } from './run.ts';

interface AttackOptions {
  readonly target: string;
  readonly iOwnThisTarget?: boolean;
  readonly insecure: boolean;
  readonly connections?: string;
  readonly rate?: string;
  readonly path?: string;
  readonly for?: string;
  readonly set: readonly string[];
  readonly model?: string;
  readonly victim: 'get' | 'chat';
  readonly victimPath?: string;
  readonly victimRate: string;
  readonly victimTimeout: string;
  readonly baseline: string;
  readonly after: string;
  readonly maxErrors: string;
  readonly downErrors: string;
  readonly maxSlowdown: string;
  readonly slack: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

const EXIT_OF: Readonly<Record<AttackVerdict, number>> = {
  defended: EXIT.pass,
  degraded: EXIT.sloFailed,
  down: EXIT.sloFailed,
  inconclusive: EXIT.inconclusive,
};
const LINE_EVERY_MS = 2000;

/** `squall attack <kind> --target URL`: one attack on a service of one's own, beside an ordinary client who tells what it did. */
export async function defineAttack(command: Command, signal: AbortSignal): Promise<void> {
  const { maxErrorRatio, downErrorRatio, maxSlowdown, slackMs } = DEFAULT_THRESHOLDS;
  command
    .argument('<kind>', 'one of the kinds below')
    .requiredOption('--target <url>', 'http(s)://HOST:PORT or unix:/path/to/socket; this machine alone, unless:')
    .option('--i-own-this-target', 'allows a target that is not this machine')
    .option('--insecure', 'the ordinary client takes any certificate, as the attacker always does', false)
    .option('--connections <n>', `connections at most open at a time (at most ${LIMITS.connections})`)
    .option('--rate <n/s>', `connections opened per second (at most ${LIMITS.perSecond}/s)`)
    .option('--path <path>', 'what the attacker asks for')
    .option('--for <duration>', 'how long it lasts, e.g. 30s (at most 1h)')
    .option('--set <key=value>', "change one of the kind's own parameters (repeatable)", collect, [])
    .option('--model <name>', 'model for chat requests; by default the first that the target lists')
    .addOption(new Option('--victim <what>', 'what the ordinary client asks').choices(['get', 'chat']).default('get'))
    .option('--victim-path <path>', 'path that it asks for (/ or /v1/chat/completions)')
    .option('--victim-rate <n/s>', 'how often, whatever happens', '100/s')
    .option('--victim-timeout <duration>', 'without an answer after this it has failed', '5s')
    .option('--baseline <duration>', 'how long it is watched before the attack', '4s')
    .option('--after <duration>', 'how long it is watched after it', '2s')
    .option('--max-errors <percent>', 'more failed ordinary requests than this: degraded', `${100 * maxErrorRatio}%`)
    .option('--down-errors <percent>', 'more than this: down', `${100 * downErrorRatio}%`)
    .option('--max-slowdown <n>', 'their P99 more than n times what it was: degraded', `${maxSlowdown}`)
    .option('--slack <duration>', 'but never for less than this much more', `${slackMs}ms`)
    .option('--json', 'print one JSON document on stdout, and nothing else there', false)
    .option('--quiet', 'no progress', false)
    .addHelpText('after', await kindsText())
    .action(async (kind: string, options: AttackOptions) => {
      const plan = await planOf(kind, options, signal);
      const document = await attackWithProgress(plan, options, signal);
      if (options.json) printJson(document);
      else process.stdout.write(`${summaryLines(document).join('\n')}\n`);
      process.exitCode = document.interrupted ? EXIT.interrupted : EXIT_OF[document.verdict];
    });
}

async function kindsText(): Promise<string> {
  const attacks = await Promise.all(attackKinds.map(loadAttack));
  const width = Math.max(...attackKinds.map(kind => kind.length));
  return `
Kinds:
${attacks.map(({ kind, summary }) => `  ${kind.padEnd(width)}  ${summary}`).join('\n')}

An ordinary client asks all the while, from a process of its own: its errors and its P99 during the attack, compared with before,
are the verdict. Over https the attacker takes any certificate; the ordinary client wants the right one (NODE_EXTRA_CA_CERTS names an authority
of your own), or --insecure. Requests that need a key take it from the environment: SQUALL_TARGET_AUTHORIZATION=sk-….

Exit codes: 0 defended · 1 degraded or down · 2 inconclusive · 3 usage · 4 the target or this machine · 130 interrupted

Start with: squall attack slow-headers --target http://127.0.0.1:8080`;
}

async function planOf(kind: string, options: AttackOptions, signal: AbortSignal): Promise<AttackPlan> {
  if (!attackKinds.includes(kind))
    throw new SquallError('option', 'UNKNOWN_ATTACK', `No attack is called "${kind}"${didYouMean(kind, attackKinds)}`, {
      next: '`squall attack --help` lists the kinds.',
    });
  const attack = await loadAttack(kind);
  const parameters = parametersOf(attack, options);
  const forMs = options.for === undefined ? attack.defaultForMs : duration(options.for, '--for');
  if (forMs < 500 || forMs > LIMITS.forMs) throw badOption('--for', 'from 500ms to 1h', options.for ?? '');
  const { iOwnThisTarget = false, insecure: isInsecure } = options;
  const choose = (where: LocatedTarget) => answeringAddress(where, isInsecure, signal);
  const target = await resolveTarget(options.target, { iOwnThisTarget, isInsecure, signal, choose });
  const authorization = targetAuthorization();
  const asksChat = options.victim === 'chat' || asksModel(attack, parameters);
  const model = options.model ?? (asksChat ? await firstModel(target, authorization, signal) : '');
  const perSecond = rate(options.victimRate, '--victim-rate');
  if (perSecond > 1000) throw badOption('--victim-rate', 'at most 1000/s', options.victimRate);
  return {
    attack,
    parameters,
    target,
    request: { host: target.host, authorization, model },
    victim: {
      asks: options.victim,
      path: options.victimPath ?? (options.victim === 'chat' ? '/v1/chat/completions' : '/'),
      perSecond,
      timeoutMs: duration(options.victimTimeout, '--victim-timeout'),
    },
    baselineMs: duration(options.baseline, '--baseline'),
    forMs,
    afterMs: duration(options.after, '--after'),
    thresholds: {
      maxErrorRatio: ratio(options.maxErrors, '--max-errors'),
      downErrorRatio: ratio(options.downErrors, '--down-errors'),
      maxSlowdown: positive(options.maxSlowdown, '--max-slowdown'),
      slackMs: duration(options.slack, '--slack'),
    },
  };
}

/**
 * Where the target is reached. Nothing else tells an ordinary client that does not trust it from one that is not served; who takes
 * any certificate asks for none.
 */
function answeringAddress(where: LocatedTarget, isInsecure: boolean, signal: AbortSignal): Promise<string> {
  const { url, addresses, port } = where;
  const asked = isInsecure ? `tcp://${url.host}` : url.origin;
  return reachableAddress({ url: asked, addresses, port, iOwnThisTarget: true }, signal).catch(error => {
    if (error?.code !== 'TARGET_TLS') throw error;
    const { kind, code, message, next } = error as SquallError;
    throw new SquallError(kind, code, message, { cause: error, next: `${next} Or let it pass: --insecure.` });
  });
}

function parametersOf(attack: Attack, options: AttackOptions): Record<string, unknown> {
  const given = {
    ...(options.connections === undefined ? {} : { connections: positive(options.connections, '--connections') }),
    ...(options.rate === undefined ? {} : { perSecond: rate(options.rate, '--rate') }),
    ...(options.path === undefined ? {} : { path: options.path }),
    ...parseOverrides(options.set),
  };
  const checked = checkShape(attack.parameters.strict(), given);
  if ('data' in checked) return checked.data;
  const [{ field, expected, found, hint }] = checked.misfits;
  const message = expected
    ? `Expected \`${field}\` to be ${expected}, got ${shown(found)}${hint}`
    : `The attack ${attack.kind} has no parameter \`${field}\`${hint}`;
  const next = `${attack.kind} knows: ${Object.keys(attack.parameters.shape).join(', ')}.`;
  throw new SquallError('option', 'BAD_ATTACK', message, { next });
}

async function attackWithProgress(
  plan: AttackPlan,
  { json, quiet }: AttackOptions,
  signal: AbortSignal,
): Promise<AttackDocument> {
  if (quiet) return runAttack(plan, systemClock, signal);
  const stream = json ? process.stderr : process.stdout;
  const what = `${plan.attack.kind} on ${plan.target.url}`;
  stream.write(`${styleText('bold', what)}  ${plan.attack.summary}\n`);
  const update = stream.isTTY && !process.env.CI ? createLogUpdate(stream) : undefined;
  let nextLineMs = 0;
  try {
    return await runAttack(plan, systemClock, signal, progress => {
      const lines = liveLines(progress);
      if (update) update(lines.join('\n'));
      else if (systemClock.nowMs() >= nextLineMs) {
        nextLineMs = systemClock.nowMs() + LINE_EVERY_MS;
        stream.write(`${lines.slice(1).join(' | ')}\n`);
      }
    });
  } finally {
    update?.clear();
    update?.done();
  }
}

function duration(text: string, option: string): number {
  return asOption(() => parseDurationMs(text, option));
}

function rate(text: string, option: string): number {
  const perSecond = asOption(() => parseRatePerSecond(text, option));
  if (perSecond === 0) throw badOption(option, 'a rate above 0', text);
  return perSecond;
}

/** Quantities that come from the command line are mended there, not in a scenario. */
function asOption<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SquallError)) throw error;
    throw new SquallError('option', error.code, error.message, { next: '`squall attack --help` tells more.' });
  }
}

function positive(text: string, option: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value > 0)) throw badOption(option, 'a number above 0', text);
  return value;
}

function ratio(text: string, option: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (!match || Number(match[1]) > 100) throw badOption(option, 'a percentage such as 5%', text);
  return Number(match[1]) / 100;
}

function badOption(option: string, expected: string, found: string): SquallError {
  return new SquallError(
    'option',
    'BAD_OPTION',
    `Expected \`${option}\` to be ${expected}, got ${JSON.stringify(found)}`,
    {
      next: '`squall attack --help` tells more.',
    },
  );
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}
