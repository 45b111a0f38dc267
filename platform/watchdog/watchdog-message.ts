/** Something that must not outlive the harness. */
export type Resource =
  | { readonly kind: 'process-group'; readonly pgid: number }
  /** Every container, network and volume with `label` (`key=value`) of the engine at `socketPath`; also those made later. */
  | { readonly kind: 'docker-label'; readonly label: string; readonly socketPath: string };

/** What the harness tells its watchdog, one JSON object a line. After `disarm` nothing is cleaned up any more. */
export type WatchdogMessage =
  | { readonly type: 'guard'; readonly resource: Resource }
  | { readonly type: 'forget'; readonly resource: Resource }
  | { readonly type: 'disarm' };

/** What the watchdog writes on stdout once it watches. */
export const WATCHING = 'watching';

/** The message of a line; undefined for one that was cut off when its writer was killed. */
export function parseMessage(line: string): WatchdogMessage | undefined {
  try {
    return JSON.parse(line) as WatchdogMessage;
  } catch {
    return undefined;
  }
}
