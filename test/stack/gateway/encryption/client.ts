import { randomBytes, timingSafeEqual } from 'node:crypto';
import {
  BodyOpener,
  BodySealer,
  CODING,
  purposeOf,
  SALT_BYTES,
} from '../../../../stack/gateway/encryption/sealed-body.ts';
import { agreeOnKey, type Sm2Key, sm2Key } from '../../../../stack/gateway/encryption/sm2.ts';

/** How to reach a gateway, and how to know that it is the right one. */
export interface ClientOptions {
  readonly url: string;
  readonly apiKey: string;
  /** Public key of the gateway, in hex, from somewhere else than the gateway's responses. */
  readonly gatewayKey: string;
}

/** Client of a gateway whose request and response bodies nobody in between can read or change. */
export class EncryptedClient {
  readonly #options: ClientOptions;
  readonly #key = newKey();
  #session: { readonly name: string; readonly key: Buffer; readonly untilMs: number } | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Texts of the response, as they arrive. @throws Error for an error of the gateway, or a body that was changed or cut */
  async *send(path: string, body: object): AsyncGenerator<string> {
    const { url, apiKey } = this.#options;
    const { name, key } = await this.#agreed();
    const salt = randomBytes(SALT_BYTES);
    const sealer = new BodySealer({ key, purpose: purposeOf(path) }, salt);
    const response = await fetch(url + path, {
      method: 'POST',
      headers: {
        ...{ authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        ...{ 'x-sm-session': name, 'content-encoding': CODING, 'accept-encoding': CODING },
      },
      body: new Uint8Array(sealer.seal(Buffer.from(JSON.stringify(body)), true)),
    });
    // A response in plain text proves nothing, whatever it says: only its status as an error is believed.
    if (response.headers.get('content-encoding') !== CODING)
      throw new Error(`${response.status} ${await response.text()}`);
    const opener = new BodyOpener({ key, purpose: purposeOf(path, salt.toString('hex')) });
    const decoder = new TextDecoder();
    for await (const piece of response.body!) {
      const text = decoder.decode(opener.open(piece), { stream: true });
      if (text !== '') yield text;
    }
    opener.end();
  }

  /** The session, or a new one when it is about to end. */
  async #agreed() {
    if (this.#session && this.#session.untilMs > Date.now() + 5000) return this.#session;
    const { url, apiKey, gatewayKey } = this.#options;
    const ephemeral = newKey();
    const response = await fetch(`${url}/v1/key-agreement`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: hexOf(this.#key), ephemeral: hexOf(ephemeral) }),
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    const agreement = (await response.json()) as Record<'ephemeral' | 'proof' | 'session', string> & {
      readonly expiresInMs: number;
    };
    const { key, responderProof } = agreeOnKey({
      ...{ isInitiator: true, key: this.#key, ephemeral, length: 32 },
      ...{ peerKey: Buffer.from(gatewayKey, 'hex'), peerEphemeral: Buffer.from(agreement.ephemeral, 'hex') },
    });
    // Only who has the private key of the gateway can know it.
    const proof = Buffer.from(agreement.proof, 'hex');
    if (proof.length !== responderProof.length || !timingSafeEqual(proof, responderProof))
      throw new Error('This is not the gateway: it has not proved to have its private key.');
    this.#session = { name: agreement.session, key, untilMs: Date.now() + agreement.expiresInMs };
    return this.#session;
  }
}

function newKey(): Sm2Key {
  return sm2Key(randomBytes(32));
}

function hexOf({ publicKey }: Sm2Key): string {
  return publicKey.toString('hex');
}
