import { isDeepStrictEqual } from 'node:util';
import { isCollection, parseDocument, stringify } from 'yaml';
import { pathFrom, readText } from '../../harness/input/files.ts';
import { badAutoscaler } from '../../stack/autoscaler/bad-autoscaler.ts';
import type { HpaSpec } from '../../stack/autoscaler/hpa/schema.ts';
import { readManifest } from '../../stack/autoscaler/manifest.ts';
import { inFile, MAX_BYTES } from '../input/autoscaler.ts';
import { requirePlain } from '../input/plain.ts';
import { parseYaml } from '../input/yaml.ts';
import { type Edit, edited } from './space.ts';

/** An HPA file of a user's. */
export interface HpaFile {
  /** Path as the user wrote it. */
  readonly source: string;
  readonly text: string;
  readonly document: Record<string, unknown>;
  readonly spec: HpaSpec;
}

/**
 * Reads a HorizontalPodAutoscaler of `autoscaling/v2` from a YAML or JSON file of one document.
 * @throws SquallError `BAD_AUTOSCALER` that names the file and every wrong field
 */
export function readHpaFile(source: string): HpaFile {
  return inFile(source, 'hpa', () => {
    const text = readText(pathFrom(source), MAX_BYTES);
    const document = parseYaml(text) as Record<string, unknown>;
    requirePlain(document);
    if (document?.kind === 'ScaledObject')
      throw badAutoscaler(
        ['`kind` must be HorizontalPodAutoscaler, got "ScaledObject"'],
        'Tune the HorizontalPodAutoscaler that KEDA makes of it: kubectl get hpa keda-hpa-<name> -o yaml.',
      );
    // Whether there may be no replicas is up to the scenario.
    return { source, text, document, spec: readManifest(document, true).spec };
  });
}

/**
 * Text of an HPA file with some of its fields set. What is not set stays as it is, comments included; only where an anchor ties a field to
 * another one, the file is written anew.
 * @param comment lines in front of the file, without `#`
 */
export function editedText({ text, document }: HpaFile, edits: readonly Edit[], comment: readonly string[]): string {
  const wanted = edited(document, edits);
  const style = {
    lineWidth: 0,
    indent: /^ {1,8}(?=[^\s#-])/m.exec(text)?.[0].length ?? 2,
    // Whether items of lists are deeper than their key, comments in between or not.
    indentSeq: !/^( *)(?:- )*[\w"'].*:[ \t]*(?:#.*)?\r?\n(?:[ \t]*(?:#.*)?\r?\n)*\1- /m.test(text),
    flowCollectionPadding: !/[{[][^\s}\]]/.test(text),
  };
  // What ends a line for YAML would end the comment.
  const front = comment.map(line => `# ${line.replaceAll(/[\p{Cc}\u2028\u2029\ufeff]+/gu, ' ').trimEnd()}\n`).join('');
  const patched = patchedText(text, edits, style);
  const isKept = patched !== undefined && isDeepStrictEqual(parseYaml(patched), wanted);
  return `${front}${isKept ? patched : stringify(wanted, { ...style, aliasDuplicateObjects: false })}`;
}

/** Undefined where a field cannot be set by itself. */
function patchedText(text: string, edits: readonly Edit[], style: object): string | undefined {
  const yaml = parseDocument(text);
  try {
    for (const { path, value } of edits) {
      for (const depth of path.keys())
        if (depth > 0 && !isCollection(yaml.getIn(path.slice(0, depth), true)))
          yaml.setIn(path.slice(0, depth), yaml.createNode({}));
      yaml.setIn(path, typeof value === 'object' ? yaml.createNode(value) : value);
    }
    return yaml.toString(style);
  } catch {
    return undefined;
  }
}
