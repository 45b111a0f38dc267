import { Counter, type Registry } from 'prom-client';
import { z } from 'zod';
import type { Clock } from '../../../harness/clock.ts';
import { messageOf } from '../../../harness/errors.ts';
import { encodeBody } from '../../chunked-body.ts';
import { ApiError, sendJson } from '../http/api-error.ts';
import type { Exchange, Stage } from '../http/exchange.ts';
import { type BodyContext as ReadContext, readBody } from '../http/request-body.ts';
import { AGREEMENT_PATH, type EncryptionConfig, SESSION_HEADER } from './config.ts';
import { BodyOpener, BodySealer, CODING, purposeOf, SALT_BYTES } from './sealed-body.ts';
import { SESSION_KEY_BYTES, Sessions } from './sessions.ts';
import { agreeOnKey, type Sm2Key, sm2Key, sm3 } from './sm2.ts';

interface EncryptionParts {
  readonly config: EncryptionConfig;
  /** Private key of SM2, 32 bytes. */
  readonly secret: Uint8Array;
  readonly clock: Clock;
  /** A new unguessable id. */
  readonly newId: () => string;
  readonly registry: Registry;
}

const point = z.string().regex(/^04[0-9a-fA-F]{128}$/, 'expected an uncompressed point, 04 and 128 hex digits');
const agreementSchema = z.strictObject({ publicKey: point, ephemeral: point });

/**
 * Encryption of the bodies of completions, for clients that ask for it. What follows in the pipeline sees plain text, and what it writes is encrypted on its way to the socket,
 * piece by piece, so that streams stay streams.
 */
export class Encryption {
  readonly #parts: EncryptionParts;
  readonly #key: Sm2Key;
  readonly #sessions: Sessions;
  readonly #agreements: Counter;
  readonly #bodies: Counter<'result'>;

  /** @throws Error for a key that is none */
  constructor(parts: EncryptionParts) {
    this.#parts = parts;
    this.#key = sm2Key(parts.secret);
    this.#sessions = new Sessions(parts.secret);
    const registers = [parts.registry];
    this.#agreements = new Counter({
      ...{ name: 'gateway_encryption_agreements_total', help: 'Keys that clients agreed on', registers },
    });
    this.#bodies = new Counter({
      ...{ name: 'gateway_encryption_requests_total', help: 'Requests by how their encryption was', registers },
      labelNames: ['result'],
    });
  }

  /** Public key of the gateways, in hex, by which clients know them. */
  get publicKey(): string {
    return this.#key.publicKey.toString('hex');
  }

  /** Stage of {@link AGREEMENT_PATH}, after authentication. */
  agreement(read: ReadContext): Stage {
    return async exchange => {
      const { clock, config } = this.#parts;
      const { publicKey, ephemeral } = requestOf(await readBody(exchange.request, read));
      const own = this.#ephemeral();
      const side = { isInitiator: false, key: this.#key, ephemeral: own, length: SESSION_KEY_BYTES };
      const { key, responderProof } = agreed(() =>
        agreeOnKey({ ...side, peerKey: Buffer.from(publicKey, 'hex'), peerEphemeral: Buffer.from(ephemeral, 'hex') }),
      );
      const untilMs = clock.date().getTime() + config.sessionMs;
      const session = this.#sessions.name(key, untilMs, exchange.caller, this.#random());
      this.#agreements.inc();
      const document = {
        ...{ publicKey: this.publicKey, ephemeral: own.publicKey.toString('hex') },
        ...{ proof: responderProof.toString('hex'), session, expiresInMs: config.sessionMs },
      };
      sendJson(exchange.response, 200, JSON.stringify(document), ['cache-control', 'no-store', ...exchange.headers()]);
    };
  }

  /**
   * Body of a request as plain text; from here on its response is encrypted, if the client accepts that.
   * @throws ApiError 400 `encryption_session_invalid`, `encrypted_body_invalid`; 415 `encryption_required`
   */
  open(exchange: Exchange, body: Buffer): Buffer {
    const { request, response, route, caller } = exchange;
    const isSealed = request.headers['content-encoding']?.toLowerCase() === CODING;
    const isAccepted = accepts(request.headers['accept-encoding']);
    const { config, clock } = this.#parts;
    if (config.required && !(isSealed && isAccepted)) {
      this.#bodies.labels('plain').inc();
      const message = `This gateway serves only requests with content-encoding and accept-encoding ${CODING}.`;
      throw new ApiError(415, 'encryption_required', message, null, ['accept-encoding', CODING]);
    }
    if (!isSealed && !isAccepted) return body;
    const key = this.#sessions.keyOf(`${request.headers[SESSION_HEADER] ?? ''}`, caller, clock.date().getTime());
    if (!key) {
      this.#bodies.labels('session').inc();
      const message = `Expected ${SESSION_HEADER} to name a session of this caller that has not ended. Agree on a new key: POST ${AGREEMENT_PATH}.`;
      throw new ApiError(400, 'encryption_session_invalid', message);
    }
    const text = isSealed ? this.#openBody(body, key, purposeOf(route)) : body;
    this.#bodies.labels('opened').inc();
    if (!isAccepted) return text;
    const salt = isSealed ? body.subarray(0, SALT_BYTES).toString('hex') : '';
    const sealer = new BodySealer({ key, purpose: purposeOf(route, salt) }, this.#random().subarray(0, SALT_BYTES));
    encodeBody(response, CODING, (piece, isLast) => sealer.seal(piece, isLast));
    return text;
  }

  #openBody(body: Buffer, key: Buffer, purpose: string): Buffer {
    const opener = new BodyOpener({ key, purpose });
    try {
      const text = opener.open(body);
      opener.end();
      return text;
    } catch (error) {
      this.#bodies.labels('refused').inc();
      throw new ApiError(400, 'encrypted_body_invalid', messageOf(error));
    }
  }

  #ephemeral(): Sm2Key {
    for (;;) {
      try {
        return sm2Key(this.#random());
      } catch {
        // One of 2^32 is beyond the order of the curve.
      }
    }
  }

  /** 32 bytes of at least 256 random bits, 122 of each id. */
  #random(): Buffer {
    const { newId } = this.#parts;
    return sm3(...[newId(), newId(), newId()].map(id => Buffer.from(id)));
  }
}

/** Whether an `accept-encoding` names the coding, and not with a weight of 0. */
function accepts(header: string | string[] | undefined): boolean {
  return `${header ?? ''}`.split(',').some(entry => {
    const [coding = '', weight = ''] = entry.toLowerCase().split(';');
    return coding.trim() === CODING && !/^q=0(?:\.0*)?$/.test(weight.trim());
  });
}

function requestOf(body: Buffer): z.output<typeof agreementSchema> {
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new ApiError(400, 'invalid_json', 'The request body is not valid JSON.');
  }
  const { success, data, error } = agreementSchema.safeParse(value);
  if (success) return data;
  const { path, message } = error.issues[0]!;
  throw new ApiError(400, 'invalid_value', `\`${path.join('.')}\`: ${message}.`, path.join('.') || null);
}

function agreed<T>(run: () => T): T {
  try {
    return run();
  } catch {
    throw new ApiError(400, 'invalid_value', 'Expected `publicKey` and `ephemeral` to be points of the curve of SM2.');
  }
}
