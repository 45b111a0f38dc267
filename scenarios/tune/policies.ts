import type { ScalingRules } from '../../stack/autoscaler/hpa/schema.ts';

/** How fast one direction may go. */
export type Speed = Pick<ScalingRules, 'policies' | 'selectPolicy'>;

type Policy = ScalingRules['policies'][number];

const pods = (value: number, periodSeconds: number): Policy => ({ type: 'Pods', value, periodSeconds });
const percent = (value: number, periodSeconds: number): Policy => ({ type: 'Percent', value, periodSeconds });

/** Ways up that are tried beside a user's own; the fifth is Kubernetes' default. */
const UP: readonly Policy[][] = [
  [pods(1, 60)],
  [pods(2, 60)],
  [percent(50, 60)],
  [percent(100, 60)],
  [pods(4, 15), percent(100, 15)],
  [pods(10, 15), percent(400, 15)],
];
/** Ways down that are tried beside a user's own; the last is Kubernetes' default. */
const DOWN: readonly Policy[][] = [
  [pods(1, 300)],
  [pods(1, 60)],
  [percent(10, 60)],
  [percent(25, 60)],
  [percent(50, 60)],
  [percent(100, 15)],
];

/**
 * Speeds of a direction, the slowest first, with the user's own among them.
 * @param replicas of which percentages are, to order them
 * @returns with the index of the user's own
 */
export function speedsOf(
  direction: 'scaleUp' | 'scaleDown',
  own: Speed,
  replicas: number,
): { readonly speeds: readonly Speed[]; readonly own: number } {
  const presets: readonly Speed[] = (direction === 'scaleUp' ? UP : DOWN).map(policies => ({
    policies,
    selectPolicy: 'Max',
  }));
  const others = presets.filter(preset => speedText(preset) !== speedText(own));
  const speeds = [own, ...others].sort((a, b) => perMinute(a, replicas) - perMinute(b, replicas));
  return { speeds, own: speeds.indexOf(own) };
}

/** `4 pods/15 s or 100 %/15 s`; with `Min` the policies are joined by `and`. */
export function speedText({ policies, selectPolicy }: Speed): string {
  if (selectPolicy === 'Disabled') return 'disabled';
  return policies
    .map(({ type, value, periodSeconds }) =>
      type === 'Pods' ? `${value} pod${value === 1 ? '' : 's'}/${periodSeconds} s` : `${value} %/${periodSeconds} s`,
    )
    .sort()
    .join(selectPolicy === 'Min' ? ' and ' : ' or ');
}

/** Pods a minute that a direction lets come or go. */
function perMinute({ policies, selectPolicy }: Speed, replicas: number): number {
  if (selectPolicy === 'Disabled') return 0;
  const each = policies.map(
    ({ type, value, periodSeconds }) => ((type === 'Pods' ? value : (replicas * value) / 100) * 60) / periodSeconds,
  );
  return selectPolicy === 'Min' ? Math.min(...each) : Math.max(...each);
}
