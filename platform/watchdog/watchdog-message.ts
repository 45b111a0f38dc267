/** Resource that must not outlive the harness. */
export type Resource =
  | { readonly kind: 'process-group'; readonly pgid: number }
  /** Every container, network and volume with `label` (`key=value`) on the engine at `socketPath`, including later ones. */
  | { readonly kind: 'docker-label'; readonly label: string; readonly socketPath: string };

/** Message to the watchdog, one JSON object a line. After `disarm` nothing is cleaned up. */
export type WatchdogMessage =
  | { readonly type: 'guard'; readonly resource: Resource }
  | { readonly type: 'forget'; readonly pgid: number }
  | { readonly type: 'disarm' };

/** Line that the watchdog writes on stdout once it watches. */
export const WATCHING = 'watching';

/** Message of a line; undefined for one cut off when its writer was killed. */
export function parseMessage(line: string): WatchdogMessage | undefined {
  try {
    return JSON.parse(line) as WatchdogMessage;
  } catch {
    return undefined;
  }
}
