/** Login of HTTP Basic authentication (RFC 7617); neither part needs quoting in a URL. It belongs in no argument, log or report. */
export interface Login {
  /** Without a colon. */
  readonly username: string;
  readonly password: string;
}

/** Headers of a request with `login`; none without one. */
export function loginHeaders(login: Login | undefined): Readonly<Record<string, string>> {
  if (login === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${login.username}:${login.password}`).toString('base64')}` };
}
