import { type SettledOptions, settleOptions, stackOptionsSchema } from '../../stack/options.ts';

/** Stack options as in a scenario, settled for a machine without tools. */
export function settled(options: unknown): SettledOptions {
  return settleOptions(stackOptionsSchema.parse(options), () => false);
}
