/** TLS certificate of a stack's entries, which can be replaced under load. */
export interface EntryCertificate {
  /** PEM of the CA that clients must trust. */
  readonly authority: string;
  /**
   * Replaces it without closing connections, and resolves with the SHA-256 of the new one.
   * @param validity an interval in the past for an expired one. @default one day from now
   */
  replace(validity?: { readonly from: Date; readonly to: Date }): Promise<string>;
  /** Performs a TLS handshake as a client that trusts the CA; resolves with the SHA-256 of the certificate. @throws the client's error */
  look(signal: AbortSignal): Promise<string>;
}
