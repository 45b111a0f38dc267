/** One life of a replica, from its start to its end: a process with its descendants, or one start of a container. */
export interface Instance {
  /** Process id; undefined when it could not be started, and while that is not known yet. */
  readonly pid: number | undefined;
  /** What runs, in words that no other instance shares, such as `process 4711`; undefined as long as `pid` is. */
  readonly label: string | undefined;
  /** Where its part of the log begins, in bytes. */
  readonly logFromByte: number;
  /** Resolves with how it ended, such as `exit code 3` or `SIGKILL`, once nothing of it is left. Never rejects. */
  readonly gone: Promise<string>;
  /** To all of its processes; nothing happens when it is gone. */
  signal(signal: NodeJS.Signals): void;
}
