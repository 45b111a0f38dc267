import type { IncomingMessage } from 'node:http';
import { ApiError } from './api-error.ts';

/** How much of an oversized body is taken in before the connection is destroyed, in multiples of the limit. */
export const DISCARD_RATIO = 16;

/**
 * Reads a request's body once, holding at most `maxBytes`.
 *
 * An oversized body is refused as soon as that is certain. What is still to come is read and thrown away, so that the
 * client sees the answer instead of a reset; but not more than {@link DISCARD_RATIO} times the limit.
 * @throws ApiError 413 when it is larger, 400 when the client broke off
 */
export function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const announced = Number(request.headers['content-length'] ?? 0);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const refuse = () => {
      chunks.length = 0;
      request.resume();
      reject(new ApiError(413, 'body_too_large', `The request body is larger than ${maxBytes} bytes.`));
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= maxBytes) chunks.push(chunk);
      else if (bytes > maxBytes * DISCARD_RATIO) request.destroy();
      else refuse();
    });
    request.on('end', () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
    if (announced > maxBytes) refuse();
    const broken = () => reject(new ApiError(400, 'body_incomplete', 'The request body broke off.'));
    request.on('error', broken);
    request.on('close', () => {
      if (!request.complete) broken();
    });
  });
}
