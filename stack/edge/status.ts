/** What `/nginx_status` of the status listener tells. Counters start over with the process. */
export interface EdgeStatus {
  /** Open client connections, idle ones included. */
  readonly active: number;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Of these, not dropped for want of resources. */
  readonly handled: number;
  /** Requests since the start. */
  readonly requests: number;
  readonly reading: number;
  readonly writing: number;
  readonly waiting: number;
}

/** Reads the text of nginx's `stub_status`; undefined when it is something else. */
export function parseStatus(text: string): EdgeStatus | undefined {
  const numbers =
    /^Active connections: \d+\s+server accepts handled requests\s+(?:\d+\s+){3}Reading: \d+ Writing: \d+ Waiting: \d+\s*$/.test(
      text,
    )
      ? text.match(/\d+/g)!.map(Number)
      : undefined;
  if (!numbers) return undefined;
  const [active, accepted, handled, requests, reading, writing, waiting] = numbers as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  return { active, accepted, handled, requests, reading, writing, waiting };
}
