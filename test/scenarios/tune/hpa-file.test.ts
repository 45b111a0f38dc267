import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseYaml } from '../../../scenarios/input/yaml.ts';
import { editedText, readHpaFile } from '../../../scenarios/tune/hpa-file.ts';
import { type Dimension, dimensionsOf, edited } from '../../../scenarios/tune/space.ts';
import { readManifest } from '../../../stack/autoscaler/manifest.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'squall-hpa-'));
afterAll(() => rmSync(FOLDER, { recursive: true }));
const PATH = join(FOLDER, 'hpa.yaml');
const SPACE = { downscaleStabilizationSeconds: 300 };

function fileOf(text: string) {
  writeFileSync(PATH, text);
  return readHpaFile(PATH);
}

/** As kubectl and people write it: lists without indentation, comments, an empty line, quotes, braces. */
const WRITTEN = `# The HPA of the inference service.
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: inference, labels: {team: serving}} # who to call

spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: vllm}
  minReplicas: 2 # two zones
  maxReplicas: 10
  metrics:
  # What waits.
  - type: Pods
    pods:
      metric: {name: "vllm:num_requests_waiting"}
      target:
        type: AverageValue
        averageValue: "5" # by experience
  - type: Resource
    resource: {name: memory, target: {type: AverageValue, averageValue: 6Gi}}
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 600
      policies:
      # One by one.
      - {type: Pods, value: 1, periodSeconds: 60}
`;

const named = (dimensions: readonly Dimension[], name: string) => dimensions.find(one => one.name === name)!;

describe('an HPA file with some of its fields set', () => {
  it('keeps every other line as it is', () => {
    const file = fileOf(WRITTEN);
    const edits = [
      { path: ['spec', 'minReplicas'], value: 3 },
      { path: ['spec', 'metrics', 0, 'pods', 'target', 'averageValue'], value: '7.5' },
      { path: ['spec', 'behavior', 'scaleDown', 'stabilizationWindowSeconds'], value: 60 },
    ];
    const expected = WRITTEN.replace('minReplicas: 2', 'minReplicas: 3')
      .replace('"5"', '"7.5"')
      .replace('stabilizationWindowSeconds: 600', 'stabilizationWindowSeconds: 60');
    expect(editedText(file, edits, ['by squall', 'two lines\nspec: {}'])).toBe(
      `# by squall\n# two lines spec: {}\n${expected}`,
    );
  });

  it('gets what it did not have, and policies anew', () => {
    const file = fileOf(WRITTEN.replace(/ {2}behavior:[\s\S]*/, '  behavior:\n'));
    const policies = [{ type: 'Percent', value: 50, periodSeconds: 60 }];
    const edits = [
      { path: ['spec', 'behavior', 'scaleUp', 'policies'], value: policies },
      { path: ['spec', 'behavior', 'scaleUp', 'stabilizationWindowSeconds'], value: 30 },
    ];
    const text = editedText(file, edits, []);
    expect(text.startsWith(file.text.replace(/ {2}behavior:\n/, ''))).toBe(true);
    expect(parseYaml(text)).toEqual(edited(file.document, edits));
  });

  it('is JSON with a comment where it was JSON, and written anew where anchors tie its fields', () => {
    const json = fileOf(JSON.stringify(parseYaml(WRITTEN)));
    const edits = [{ path: ['spec', 'minReplicas'], value: 4 }];
    expect(parseYaml(editedText(json, edits, ['tuned']))).toEqual(edited(json.document, edits));
    const tied = fileOf(
      WRITTEN.replace('target:\n        type', 'target: &target\n        type').replace(
        '{type: AverageValue, averageValue: 6Gi}',
        '*target ',
      ),
    );
    const one = [{ path: ['spec', 'metrics', 0, 'pods', 'target', 'averageValue'], value: '9' }];
    const both = parseYaml(editedText(tied, one, []));
    expect(both).toEqual(edited(tied.document, one));
    const other = [{ path: ['spec', 'metrics', 1, 'resource', 'target', 'averageValue'], value: '9' }];
    expect(parseYaml(editedText(tied, other, []))).toEqual(edited(tied.document, other));
  });
});

describe('what may be tuned', () => {
  it('is the target of each metric, windows and policies, in ladders that begin with what is safe', () => {
    const { document, spec } = fileOf(WRITTEN);
    const dimensions = dimensionsOf(document, spec, SPACE);
    expect(dimensions.map(({ name }) => name)).toEqual([
      'spec.metrics[0].pods.target.averageValue',
      'spec.metrics[1].resource.target.averageValue',
      'spec.behavior.scaleUp.stabilizationWindowSeconds',
      'spec.behavior.scaleUp.policies',
      'spec.behavior.scaleDown.stabilizationWindowSeconds',
      'spec.behavior.scaleDown.policies',
    ]);
    const texts = (name: string) => named(dimensions, name).choices.map(({ text }) => text);
    const target = texts('spec.metrics[0].pods.target.averageValue');
    expect([target[0], target[24], target.at(-1)]).toEqual(['0.625', '5', '40']);
    expect(texts('spec.metrics[1].resource.target.averageValue')[32]).toBe('12Gi');
    expect(texts('spec.behavior.scaleUp.stabilizationWindowSeconds')[0]).toBe('0 s');
    expect(texts('spec.behavior.scaleDown.stabilizationWindowSeconds')[0]).toBe('3600 s');
    expect(texts('spec.behavior.scaleUp.policies')[0]).toBe('10 pods/15 s or 400 %/15 s');
    expect(texts('spec.behavior.scaleDown.policies')[0]).toBe('1 pod/300 s');
  });

  it('begins at what the file says, and every choice is a valid HPA that has it', () => {
    const { document, spec } = fileOf(WRITTEN);
    const dimensions = dimensionsOf(document, spec, { ...SPACE, min: { from: 1, to: 4 }, max: { from: 8, to: 12 } });
    for (const { name, choices, own } of dimensions) {
      expect(choices[own]!.edits, name).toEqual([]);
      expect(new Set(choices.map(({ text }) => text)).size, name).toBe(choices.length);
      for (const { edits } of choices) expect(() => readManifest(edited(document, edits), false), name).not.toThrow();
    }
    const bounds = named(dimensions, 'spec.minReplicas').choices.map(({ text }) => text);
    expect(bounds).toEqual(['4', '3', '2', '1']);
  });

  it('is what Kubernetes assumes where the file says nothing', () => {
    const { document, spec } = fileOf(`apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: bare }
spec: { scaleTargetRef: { kind: Deployment, name: x }, maxReplicas: 4 }
`);
    const dimensions = dimensionsOf(document, spec, { downscaleStabilizationSeconds: 120 });
    const own = Object.fromEntries(dimensions.map(({ name, choices, own }) => [name, choices[own]!.text]));
    expect(own).toEqual({
      'spec.metrics[0].resource.target.averageUtilization': '80',
      'spec.behavior.scaleUp.stabilizationWindowSeconds': '0 s',
      'spec.behavior.scaleUp.policies': '100 %/15 s or 4 pods/15 s',
      'spec.behavior.scaleDown.stabilizationWindowSeconds': '120 s',
      'spec.behavior.scaleDown.policies': '100 %/15 s',
    });
    const target = named(dimensions, 'spec.metrics[0].resource.target.averageUtilization');
    for (const { edits } of target.choices)
      expect(readManifest(edited(document, edits), false).spec.metrics).toHaveLength(1);
    expect(target.choices.at(-1)!.text).toBe('95');
  });

  it('keeps the kind of a direction that is disabled, or that takes the smallest change', () => {
    const { document, spec } = fileOf(WRITTEN.replace('stabilizationWindowSeconds: 600', 'selectPolicy: Disabled'));
    const { choices, own } = named(dimensionsOf(document, spec, SPACE), 'spec.behavior.scaleDown.policies');
    expect(own).toBe(0);
    expect(choices[0]!.text).toBe('disabled');
    // Any other one has to switch it on.
    const on = readManifest(edited(document, choices[1]!.edits), false).spec;
    expect(on.behavior!.scaleDown.selectPolicy).toBe('Max');
  });
});

describe('a file that is no HPA', () => {
  it.each([
    ['a Deployment', WRITTEN.replace('kind: HorizontalPodAutoscaler', 'kind: Deployment'), /`kind` must be/],
    ['a ScaledObject', WRITTEN.replace('kind: HorizontalPodAutoscaler', 'kind: ScaledObject'), /`kind`.*keda-hpa-/s],
    ['another version', WRITTEN.replace('autoscaling/v2', 'autoscaling/v1'), /`apiVersion` must be autoscaling\/v2/],
    ['no maximum', WRITTEN.replace(/ {2}maxReplicas.*\n/, ''), /`spec.maxReplicas` is required/],
    [
      'a maximum below the minimum',
      WRITTEN.replace('maxReplicas: 10', 'maxReplicas: 1'),
      /`spec.maxReplicas`.*at least/,
    ],
    ['a text', 'hello', /must be one object/],
    ['nothing', '', /must be one object/],
    ['two documents', `${WRITTEN}---\n${WRITTEN}`, /several documents/],
  ])('is refused by its field: %s', (_, text, message) => {
    const read = () => fileOf(text);
    expect(read).toThrow(expect.objectContaining({ code: 'BAD_AUTOSCALER' }));
    const error = (() => {
      try {
        return read() as unknown as { message: string; next: string };
      } catch (thrown) {
        return thrown as { message: string; next: string };
      }
    })();
    expect(`${error.message} ${error.next}`).toMatch(message);
    expect(error.message).toContain(PATH);
  });
});
