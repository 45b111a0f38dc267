import { type SettledOptions, settleOptions, stackOptionsSchema } from '../../stack/options.ts';

/** Stack options as a scenario would write them, on a machine without any tool. */
export function settled(options: unknown): SettledOptions {
  return settleOptions(stackOptionsSchema.parse(options), () => false);
}
