import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SquallError } from '../../../harness/errors.ts';
import { readManifest } from '../../../stack/autoscaler/manifest.ts';
import { BAD, type Document, HPA } from './bad-manifests.ts';

function edited(edit: (document: Document) => void): unknown {
  const document = parse(HPA);
  edit(document);
  return document;
}

function refusal(document: unknown, scaleToZero = false): string {
  try {
    readManifest(document, scaleToZero);
  } catch (error) {
    expect(error).toBeInstanceOf(SquallError);
    return `${(error as SquallError).message} ${(error as SquallError).next}`;
  }
  return 'accepted';
}

describe('an autoscaler file', () => {
  it('is taken as it is, with the defaults of the API', () => {
    const { name, spec, notes } = readManifest(parse(HPA), false);
    expect(name).toBe('inference');
    expect(notes).toEqual([]);
    expect(spec).toMatchObject({ minReplicas: 3, maxReplicas: 20 });
    expect(spec.metrics).toHaveLength(5);
    expect(spec.behavior!.scaleUp).toMatchObject({ selectPolicy: 'Max', stabilizationWindowSeconds: 0 });
    expect(spec.behavior!.scaleDown.tolerance!.approximate).toBe(0.05);
    expect(spec.behavior!.scaleDown.stabilizationWindowSeconds).toBeUndefined();
  });

  it('needs no metric, and takes null for a field that is not given', () => {
    const { spec } = readManifest(
      edited(({ spec }) => Object.assign(spec, { metrics: null, behavior: null, minReplicas: null })),
      false,
    );
    expect(spec).toMatchObject({ minReplicas: 1, metrics: [{ resource: { target: { averageUtilization: 80 } } }] });
  });

  it.each(BAD)('with %s is refused by the name of the field', (_, edit, ...words) => {
    const message = refusal(edited(edit));
    for (const word of words) expect(message).toContain(word);
  });

  it.each([[null], [[]], ['text'], [42], [{}], [{ kind: 'List', items: [] }]])('that is %j is refused', document => {
    expect(refusal(document)).toMatch(/HorizontalPodAutoscaler/);
  });

  it('tells every wrong field at once', () => {
    const message = refusal(
      edited(({ spec }) => {
        spec.maxReplicas = 'many';
        spec.metrics[0].resource.target.averageUtilization = 0;
        spec.behavior.scaleUp.policies[0].type = 'X';
      }),
    );
    expect(message.match(/\n {2}- /g)).toHaveLength(3);
  });

  it('may name a resource of a vendor, and a metric twice, which a note says', () => {
    const { notes } = readManifest(
      edited(({ spec }) => {
        spec.metrics[0].resource.name = 'nvidia.com/gpu';
        spec.metrics.push(spec.metrics[2]);
      }),
      false,
    );
    expect(notes).toEqual([expect.stringContaining('`spec.metrics[5]` is `spec.metrics[2]` again')]);
  });

  it('may name several containers, which are the one that replicas have, as a note says', () => {
    const ofContainer = (container: string) => ({
      type: 'ContainerResource',
      containerResource: { name: 'cpu', container, target: { type: 'Utilization', averageUtilization: 70 } },
    });
    const { notes, spec } = readManifest(
      edited(each => {
        each.spec.metrics = [ofContainer('vllm'), ofContainer('sidecar')];
      }),
      false,
    );
    expect(spec.metrics).toMatchObject([
      { containerResource: { container: 'vllm' } },
      { containerResource: { container: 'vllm' } },
    ]);
    expect(notes).toEqual([
      '`spec.metrics[1].containerResource.container` sidecar is taken for vllm: replicas have one container',
    ]);
  });

  it('may scale to 0 with the gate and a metric of the whole, and not without', () => {
    const zero = edited(({ spec }) => (spec.minReplicas = 0));
    expect(readManifest(zero, true).spec.minReplicas).toBe(0);
    const podsOnly = edited(({ spec }) => {
      spec.minReplicas = 0;
      spec.metrics = spec.metrics.slice(0, 3);
    });
    expect(refusal(podsOnly, true)).toContain('`spec.metrics`');
  });
});
