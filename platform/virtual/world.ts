import type { Machine } from '../../harness/host/network.ts';
import { type SecretBytes, seededSecrets } from '../../harness/host/secrets.ts';
import { seededRandom } from '../../harness/random.ts';
import { VirtualClock } from '../../harness/virtual/virtual-clock.ts';
import { VirtualTime } from '../../harness/virtual/virtual-time.ts';
import { VirtualInternet } from './net/network.ts';

/** Everything that a run in virtual time happens in. */
export interface VirtualWorld {
  readonly time: VirtualTime;
  readonly internet: VirtualInternet;
  readonly seed: number;
  readonly secret: SecretBytes;
  /** See `ServiceContext`. */
  readonly settle: <T>(run: () => Promise<T>) => Promise<T>;
  /** Machine of the harness: its clock never stops. */
  readonly harness: Machine;
  /** Machine of the clients that generate the load. */
  readonly clients: Machine;
}

const HARNESS = '10.0.0.1';
const CLIENTS = '10.0.0.2';

/** A new world at time 0, whose chance is decided by `seed`. */
export function newWorld(seed: number): VirtualWorld {
  const time = new VirtualTime();
  const internet = new VirtualInternet(time, seededRandom(seed).stream('network'));
  const machine = (name: string, address: string): Machine => {
    const host = internet.addHost(name, address);
    return { clock: new VirtualClock(time, host), network: internet.networkOf(host) };
  };
  const secret = seededSecrets(seededRandom(seed).stream('secrets'));
  const machines = { harness: machine('harness', HARNESS), clients: machine('clients', CLIENTS) };
  return { time, internet, seed, secret, settle: settledInTurn(time), ...machines };
}

/** Real work holds time, and one waits for the other: which thread is faster decides nothing. */
function settledInTurn(time: VirtualTime): VirtualWorld['settle'] {
  let last: Promise<unknown> = Promise.resolve();
  return run => {
    const next = last.then(run);
    last = next.catch(() => {});
    return time.hold(next);
  };
}
