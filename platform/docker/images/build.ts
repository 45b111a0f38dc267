import { settlesWithin, systemClock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import { type Engine, engineSocket, findEngine, findImage } from '../engine.ts';
import { baseHash, basesAtHand, baseTag, ensureBases } from './bases.ts';
import { contentHash, contextOf } from './build-context.ts';
import { debootstrapProblem } from './debian-root.ts';
import { DEFINITIONS, OFFICIAL, PART_VERSIONS } from './definitions.ts';
import { IMAGE_NAMES, type ImageName } from './image-names.ts';
import { chooseSource, type ImageSource, type SourceChoice } from './image-source.ts';
import { binaryProblem, partImage } from './parts.ts';
import { buildImage } from './work.ts';

/** Labels with the hash of an image's content, and with its source. */
const LABELS = { content: 'squall.content', source: 'squall.source' } as const;

/** Timeout of the registry, in ms. */
const REGISTRY_LIMIT_MS = 8_000;

/** An image on the engine. */
export interface BuiltImage {
  readonly name: string;
  readonly id: string;
  readonly sizeBytes: number;
  /** Content hash, which is also its second tag. */
  readonly hash: string;
  readonly source: ImageSource;
  /** Whether it was built now; false if it was up to date. */
  readonly isNew: boolean;
}

/** Options of {@link buildImages}. */
export interface BuildOptions {
  /** Builds from this source, including images that exist from the other one. @default whichever is available */
  readonly source?: ImageSource;
  readonly progress: (line: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Brings every image onto the engine as `:latest` and `:<hash>`, building missing ones.
 * @throws SquallError without an engine or a source, or when a build fails
 */
export async function buildImages({ source: requested, progress, signal }: BuildOptions): Promise<BuiltImage[]> {
  const engine = await findEngine(engineSocket(), signal);
  let choice: SourceChoice | undefined;
  const images: BuiltImage[] = [];
  for (const name of Object.keys(IMAGE_NAMES) as ImageName[]) {
    signal?.throwIfAborted();
    const hash = hashOf(name);
    let image = await inspect(name, hash, engine);
    if (!image || (requested !== undefined && image.source !== requested)) {
      if (!choice) {
        choice = await choose(requested, engine);
        progress(`building from source ${choice.source}: ${choice.reason}`);
        await ensureBases(choice.source, engine, progress, signal);
      }
      await build(name, hash, choice.source, engine, signal);
      image = { ...(await inspect(name, hash, engine))!, isNew: true };
      progress(`${IMAGE_NAMES[name]}:${hash} built, ${Math.round(image.sizeBytes / 1e6)} MB`);
    }
    await engine.api.getImage(`${IMAGE_NAMES[name]}:${hash}`).tag({ repo: IMAGE_NAMES[name], tag: 'latest' });
    images.push(image);
  }
  return images;
}

async function choose(requested: ImageSource | undefined, engine: Engine): Promise<SourceChoice> {
  const local = binaryProblem() ?? ((await basesAtHand('local', engine)) ? undefined : await debootstrapProblem());
  const registry = requested === 'local' ? undefined : await registryProblem(engine);
  return chooseSource({ registry, local }, requested);
}

/** Reason why the engine cannot pull from its registry; undefined if it can. */
async function registryProblem({ api }: Engine): Promise<string | undefined> {
  const lookup = api.getImage(OFFICIAL.debian).distribution();
  if (!(await settlesWithin(lookup, REGISTRY_LIMIT_MS, systemClock)))
    return `no response within ${REGISTRY_LIMIT_MS / 1000} s`;
  return lookup.then(
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
  source: ImageSource,
  engine: Engine,
  signal: AbortSignal | undefined,
): Promise<void> {
  const buildargs: Record<string, string> = { BASE: baseTag(name, source) };
  for (const part of DEFINITIONS[name].parts)
    buildargs[part.toUpperCase()] = await partImage(part, source, engine, signal);
  const labels = { [LABELS.content]: hash, [LABELS.source]: source };
  await buildImage(contextOf(name), { t: `${IMAGE_NAMES[name]}:${hash}`, labels, buildargs }, engine, signal);
}

async function inspect(name: ImageName, hash: string, engine: Engine): Promise<BuiltImage | undefined> {
  const image = await findImage(engine, `${IMAGE_NAMES[name]}:${hash}`);
  const labels = image?.Config.Labels ?? {};
  // A tag alone proves nothing: anyone can set one.
  if (!image || labels[LABELS.content] !== hash) return undefined;
  const source = labels[LABELS.source] === 'registry' ? 'registry' : 'local';
  return { name: IMAGE_NAMES[name], id: image.Id, sizeBytes: image.Size, hash, source, isNew: false };
}
