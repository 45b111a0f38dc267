/** Interval after which a name is looked up again, in ms: the time to live of Kubernetes' own DNS records. */
const LOOKUP_MS = 5000;
/** Time for which an address that could not be connected to is tried last, in ms. */
const AVOIDED_MS = 1000;

/** Addresses of one server, for its clients to use in turn. */
export interface AddressBook {
  /** All addresses: first the one whose turn it is, last those that failed within a second. Also keeps the list up to date. */
  next(): readonly string[];
  /** Reports that an address could not be connected to. */
  failed(address: string): void;
}

/** Options of {@link addressBook}. */
export interface AddressBookOptions {
  /** The addresses of the start, not empty. */
  readonly addresses: readonly string[];
  /** Looks the name up again; addresses that must not be connected to are left out. @default the addresses never change */
  readonly lookUp?: (() => Promise<readonly string[]>) | undefined;
  /** Monotonic, in ms. */
  readonly nowMs: () => number;
}

/**
 * Deals the addresses of a server in turn, as the clients of many users would choose among them. A name is looked up again every 5 s
 * while it is in use, so that servers which are added get requests, and those removed no more. A lookup that fails, or finds
 * nothing, changes nothing.
 */
export function addressBook({ addresses, lookUp, nowMs }: AddressBookOptions): AddressBook {
  let known = addresses;
  let turn = 0;
  let lookedUpMs = nowMs();
  const avoidedUntilMs = new Map<string, number>();
  const isAvoided = (address: string) => nowMs() < (avoidedUntilMs.get(address) ?? 0);
  const renew = () => {
    if (!lookUp || nowMs() - lookedUpMs < LOOKUP_MS) return;
    lookedUpMs = nowMs();
    lookUp().then(
      found => {
        if (found.length > 0) known = found;
      },
      () => {},
    );
  };
  return {
    next() {
      renew();
      const first = turn++ % known.length;
      const inTurn = [...known.slice(first), ...known.slice(0, first)];
      return avoidedUntilMs.size === 0
        ? inTurn
        : [...inTurn.filter(address => !isAvoided(address)), ...inTurn.filter(isAvoided)];
    },
    failed: address => void avoidedUntilMs.set(address, nowMs() + AVOIDED_MS),
  };
}
