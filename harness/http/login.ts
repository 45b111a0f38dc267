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

/** How clients exchange their API key for access tokens before they send requests (RFC 6749, section 4.4). */
export interface TokenLogin {
  /** Path of the token endpoint. */
  readonly path: string;
  /** Ed25519 key, see `newProofKey`, with which each request is proved to be its holder's (RFC 9449); absent for bearer tokens. It belongs in no file. */
  readonly proofKey?: string;
}
