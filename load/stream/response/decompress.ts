import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** Decoder of a compressed body, for what arrives bit by bit: whatever can be decoded is passed on at once. */
export interface Decompressor {
  /** Takes bytes, which may be reused after the call. @param arrival passed on with what they hold */
  feed(bytes: Buffer, arrival: number): void;
  /** Calls `ended` when everything has been passed on. A body that breaks off is no error here. */
  end(ended: () => void): void;
  destroy(): void;
}

const FLUSHING = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };
/** Low half of the first byte of the zlib format (RFC 1950), which some servers leave out of `deflate`. */
const ZLIB_METHOD = 8;

const DECODERS: Readonly<Record<string, (first: number) => Transform>> = {
  gzip: () => createGunzip(FLUSHING),
  'x-gzip': () => createGunzip(FLUSHING),
  deflate: first => ((first & 0x0f) === ZLIB_METHOD ? createInflate(FLUSHING) : createInflateRaw(FLUSHING)),
  br: () => createBrotliDecompress({ finishFlush: constants.BROTLI_OPERATION_FLUSH }),
  zstd: () => createZstdDecompress({ finishFlush: constants.ZSTD_e_flush }),
};

/** Whether a `Content-Encoding` names a compression. */
export function isCompressed(encoding: string | undefined): encoding is string {
  return encoding !== undefined && !/^\s*(identity)?\s*$/i.test(encoding);
}

/**
 * Decoder for a `Content-Encoding`; it decodes in a thread of its own, so what it passes on comes a little later.
 * @param onBytes called with decoded bytes, and the `arrival` of those that held them
 * @param onError called once if the body is not in this encoding, or the encoding is unknown
 */
export function decompressor(
  encoding: string,
  onBytes: (bytes: Buffer, arrival: number) => void,
  onError: (error: Error) => void,
): Decompressor {
  let decoder: Transform | undefined;
  const arrivals: number[] = [];
  let latest = 0;
  const start = (first: number) => {
    const create = DECODERS[encoding.trim().toLowerCase()];
    if (!create) return void onError(new Error(`Content-Encoding ${encoding} is unsupported`));
    decoder = create(first);
    decoder.on('data', (bytes: Buffer) => onBytes(bytes, arrivals[0] ?? latest));
    decoder.once('error', onError);
  };
  return {
    feed(bytes, arrival) {
      if (!decoder) start(bytes[0] ?? 0);
      if (!decoder || decoder.destroyed) return;
      arrivals.push(arrival);
      decoder.write(Buffer.from(bytes), () => {
        latest = arrivals.shift()!;
      });
    },
    end(ended) {
      if (!decoder || decoder.destroyed) return ended();
      decoder.once('end', ended);
      decoder.end();
    },
    destroy: () => void decoder?.destroy(),
  };
}
