import { ApiError, unavailable } from '../http/api-error.ts';
import { ASYMMETRIC } from './keys/key-source.ts';

/** Why a request is refused: a bounded set, the `code` of the response and the label of a metric. */
export type RefusalReason =
  | 'missing_credentials'
  | 'invalid_credentials'
  | 'credentials_too_long'
  | 'invalid_token'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'unknown_signing_key'
  | 'token_revoked'
  | 'key_revoked'
  | 'proof_required'
  | 'invalid_proof'
  | 'proof_replayed'
  | 'address_not_allowed'
  | 'identity_unavailable';

const SCHEMES = `DPoP algs="${ASYMMETRIC.join(' ')}"`;

/**
 * Refusal as an error of the API: 401 with the challenges of RFC 6750 and RFC 9449, 403 for an address, 503 when nothing can be decided.
 * @param detail one sentence without anything of the credentials
 */
export function refusal(reason: RefusalReason, detail: string): ApiError {
  if (reason === 'identity_unavailable') return unavailable(reason, detail);
  const status = reason === 'address_not_allowed' ? 403 : 401;
  return new ApiError(status, reason, detail, null, challenges(reason, detail));
}

function challenges(reason: RefusalReason, detail: string): string[] {
  if (reason === 'missing_credentials')
    return ['www-authenticate', 'Bearer realm="squall"', 'www-authenticate', SCHEMES];
  const isProof = reason === 'proof_required' || reason === 'invalid_proof' || reason === 'proof_replayed';
  if (isProof) return ['www-authenticate', `${SCHEMES}, error="invalid_dpop_proof", error_description="${detail}"`];
  const error = reason === 'address_not_allowed' ? 'insufficient_scope' : 'invalid_token';
  return ['www-authenticate', `Bearer realm="squall", error="${error}", error_description="${detail}"`];
}
