import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseHash, basesAtHand, baseTag, ensureBases } from './bases.ts';
import { contentHash, contextOf, writeContext } from './build-context.ts';
import { debootstrapTrouble } from './debian-root.ts';
import { DEFINITIONS, OFFICIAL, PART_VERSIONS } from './definitions.ts';
import { askDocker, requireEngine, workDocker } from './docker-cli.ts';
import { IMAGE_NAMES, type ImageName } from './image-names.ts';
import { binaryTrouble, partImage } from './parts.ts';
import { type Choice, chooseWay, type Way } from './way.ts';

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
  await requireEngine(signal);
  const names = Object.keys(IMAGE_NAMES) as ImageName[];
  let choice: Choice | undefined;
  const built: BuiltImage[] = [];
  for (const name of names) {
    const hash = hashOf(name);
    const there = await inspect(name, hash, signal);
    if (there && (forced === undefined || there.way === forced)) {
      await tagLatest(name, hash, signal);
      built.push(there);
      continue;
    }
    if (!choice) {
      choice = await decide(forced, signal);
      progress(`building the ${choice.way} way: ${choice.why}`);
      await ensureBases(choice.way, progress, signal);
    }
    await build(name, hash, choice.way, signal);
    await tagLatest(name, hash, signal);
    const made = await inspect(name, hash, signal);
    built.push({ ...made!, isNew: true });
    progress(`${IMAGE_NAMES[name]}:${hash} built, ${Math.round(made!.sizeBytes / 1e6)} MB`);
  }
  return built;
}

async function decide(forced: Way | undefined, signal: AbortSignal | undefined): Promise<Choice> {
  const probe =
    forced === 'local' ? undefined : await askDocker(['manifest', 'inspect', OFFICIAL.debian], signal, PROBE_LIMIT_MS);
  const localTrouble =
    binaryTrouble() ?? ((await basesAtHand('local', signal)) ? undefined : await debootstrapTrouble());
  const registryTrouble = probe?.ok ? undefined : (probe?.stderr.split('\n').at(-1) ?? 'not asked');
  return chooseWay({ registryTrouble, localTrouble }, forced);
}

function hashOf(name: ImageName): string {
  const versions = DEFINITIONS[name].parts.map(part => PART_VERSIONS[part]);
  return contentHash([baseHash(name), ...versions], contextOf(name));
}

async function build(name: ImageName, hash: string, way: Way, signal: AbortSignal | undefined): Promise<void> {
  const settings = [`BASE=${baseTag(name, way)}`];
  for (const part of DEFINITIONS[name].parts)
    settings.push(`${part.toUpperCase()}=${await partImage(part, way, signal)}`);
  const folder = await mkdtemp(join(tmpdir(), 'squall-image-'));
  try {
    writeContext(contextOf(name), folder);
    const labels = [`${LABELS.content}=${hash}`, `${LABELS.way}=${way}`].flatMap(label => ['--label', label]);
    const flags = [...labels, ...settings.flatMap(setting => ['--build-arg', setting])];
    await workDocker(
      `Building ${IMAGE_NAMES[name]}`,
      ['build', '-t', `${IMAGE_NAMES[name]}:${hash}`, ...flags, folder],
      signal,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function inspect(
  name: ImageName,
  hash: string,
  signal: AbortSignal | undefined,
): Promise<BuiltImage | undefined> {
  const { ok, stdout } = await askDocker(['image', 'inspect', `${IMAGE_NAMES[name]}:${hash}`], signal);
  if (!ok) return undefined;
  const [image] = JSON.parse(stdout) as [
    { Id: string; Size: number; Config: { Labels: Record<string, string> | null } },
  ];
  const labels = image.Config.Labels ?? {};
  // A tag alone proves nothing: anyone can set one.
  if (labels[LABELS.content] !== hash) return undefined;
  const way = labels[LABELS.way] === 'registry' ? 'registry' : 'local';
  return { name: IMAGE_NAMES[name], id: image.Id, sizeBytes: image.Size, hash, way, isNew: false };
}

async function tagLatest(name: ImageName, hash: string, signal: AbortSignal | undefined): Promise<void> {
  const { [name]: tag } = IMAGE_NAMES;
  await workDocker(`Tagging ${tag}`, ['tag', `${tag}:${hash}`, `${tag}:latest`], signal);
}
