import { settlesWithin, systemClock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import { type Engine, engineSocket, findEngine, findImage } from '../engine.ts';
import { baseHash, basesAtHand, baseTag, ensureBases } from './bases.ts';
import { type ContextEntry, contentHash, contextOf, packContext } from './build-context.ts';
import { debootstrapTrouble } from './debian-root.ts';
import { DEFINITIONS, OFFICIAL, PART_VERSIONS } from './definitions.ts';
import { IMAGE_NAMES, type ImageName } from './image-names.ts';
import { binaryTrouble, partImage } from './parts.ts';
import { type Choice, chooseWay, type Way } from './way.ts';
import { work } from './work.ts';

/** Label with the hash of what an image is made of, and with the way it was made. */
export const LABELS = { content: 'squall.content', way: 'squall.way' } as const;

/** How long the registry may take to answer, in ms. */
const PROBE_LIMIT_MS = 8_000;

/** An image as it is on the engine. */
export interface BuiltImage {
  readonly name: string;
  readonly id: string;
  readonly sizeBytes: number;
  /** Also its second tag. */
  readonly hash: string;
  readonly way: Way;
  /** Whether this run made it; else it was up to date. */
  readonly isNew: boolean;
}

/** Options of {@link buildImages}. */
export interface BuildOptions {
  /** Build this way, also what was built the other way. @default whatever is reachable, and whatever is there */
  readonly way?: Way;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Brings every image onto the engine as `:latest` and `:<hash>`, building what is not there yet.
 * @throws SquallError when there is no engine, no way to build, or a build fails
 */
export async function buildImages({ way: forced, progress, signal }: BuildOptions): Promise<BuiltImage[]> {
  const engine = await findEngine(engineSocket(), signal);
  const names = Object.keys(IMAGE_NAMES) as ImageName[];
  let choice: Choice | undefined;
  const built: BuiltImage[] = [];
  for (const name of names) {
    signal?.throwIfAborted();
    const hash = hashOf(name);
    const there = await inspect(name, hash, engine);
    if (there && (forced === undefined || there.way === forced)) {
      await tagLatest(name, hash, engine);
      built.push(there);
      continue;
    }
    if (!choice) {
      choice = await decide(forced, engine);
      progress(`building the ${choice.way} way: ${choice.why}`);
      await ensureBases(choice.way, engine, progress, signal);
    }
    await build(name, hash, choice.way, engine, signal);
    await tagLatest(name, hash, engine);
    const made = await inspect(name, hash, engine);
    built.push({ ...made!, isNew: true });
    progress(`${IMAGE_NAMES[name]}:${hash} built, ${Math.round(made!.sizeBytes / 1e6)} MB`);
  }
  return built;
}

async function decide(forced: Way | undefined, engine: Engine): Promise<Choice> {
  const localTrouble =
    binaryTrouble() ?? ((await basesAtHand('local', engine)) ? undefined : await debootstrapTrouble());
  return chooseWay(
    { registryTrouble: forced === 'local' ? 'not asked' : await registryTrouble(engine), localTrouble },
    forced,
  );
}

/** Why the engine gets nothing from its registry; undefined when it does. */
async function registryTrouble({ api }: Engine): Promise<string | undefined> {
  const asked = api.getImage(OFFICIAL.debian).distribution();
  if (!(await settlesWithin(asked, PROBE_LIMIT_MS, systemClock))) return `no answer within ${PROBE_LIMIT_MS / 1000} s`;
  return asked.then(
    () => undefined,
    error => error.json?.message ?? messageOf(error),
  );
}

function hashOf(name: ImageName): string {
  const versions = DEFINITIONS[name].parts.map(part => PART_VERSIONS[part]);
  return contentHash([baseHash(name), ...versions], contextOf(name));
}

async function build(
  name: ImageName,
  hash: string,
  way: Way,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<void> {
  const buildargs: Record<string, string> = { BASE: baseTag(name, way) };
  for (const part of DEFINITIONS[name].parts)
    buildargs[part.toUpperCase()] = await partImage(part, way, engine, signal);
  const settings = {
    t: `${IMAGE_NAMES[name]}:${hash}`,
    labels: { [LABELS.content]: hash, [LABELS.way]: way },
    buildargs,
  };
  await buildFrom(contextOf(name), settings, engine, signal);
}

/** @throws SquallError `IMAGE_DISK_FULL` or `IMAGE_BUILD_FAILED` */
export async function buildFrom(
  context: readonly ContextEntry[],
  settings: {
    readonly t: string;
    readonly labels?: Record<string, string>;
    readonly buildargs?: Record<string, string>;
  },
  engine: Engine,
  signal?: AbortSignal,
): Promise<void> {
  await work(
    `Building ${settings.t}`,
    engine,
    // An intermediate container that failed goes too.
    (api, abortSignal) => api.buildImage(packContext(context), { ...settings, forcerm: true, abortSignal }),
    signal,
  );
}

async function inspect(name: ImageName, hash: string, engine: Engine): Promise<BuiltImage | undefined> {
  const image = await findImage(engine, `${IMAGE_NAMES[name]}:${hash}`);
  const labels = image?.Config.Labels ?? {};
  // A tag alone proves nothing: anyone can set one.
  if (!image || labels[LABELS.content] !== hash) return undefined;
  const way = labels[LABELS.way] === 'registry' ? 'registry' : 'local';
  return { name: IMAGE_NAMES[name], id: image.Id, sizeBytes: image.Size, hash, way, isNew: false };
}

async function tagLatest(name: ImageName, hash: string, { api }: Engine): Promise<void> {
  await api.getImage(`${IMAGE_NAMES[name]}:${hash}`).tag({ repo: IMAGE_NAMES[name], tag: 'latest' });
}
