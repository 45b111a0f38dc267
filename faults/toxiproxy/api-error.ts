/** An answer other than success; the API sends it as `{"error": message, "status": status}`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The status of anything thrown: an {@link ApiError}'s own, else 500. */
export function statusOf(thrown: unknown): number {
  return thrown instanceof ApiError ? thrown.status : 500;
}
