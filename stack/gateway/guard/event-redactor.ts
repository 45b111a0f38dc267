import { type CompletionTexts, completionTexts, type StreamedText } from './completion-texts.ts';
import { eventOf, type ServerEvent } from './event.ts';
import { redactText, type SecretKind } from './secrets.ts';
import { TextChannel } from './text-channel.ts';

/** Maximum bytes of events that are held back: far more than a text that is undecided takes, in events of a token each. */
const MAX_HELD_BYTES = 524_288;

interface Segment extends StreamedText {
  readonly channel: TextChannel;
  readonly text: string;
  readonly offset: number;
}

interface HeldEvent {
  readonly event: ServerEvent;
  readonly segments: readonly Segment[];
  /** Without choices, as usage is: it comes after all that came before it. */
  readonly isOfAll: boolean;
  isChanged: boolean;
}

/**
 * Redacts the events of a stream. An event is held back until it is decided whether its text is part of a secret, and passes as it came unless it
 * is; so texts are late by a word, and by no more than a secret is long. Events of one text keep their order, and overtake those of others:
 * of other choices, or reasoning of which the last word is open when the response begins. What is undecided is never sent because time has
 * passed: a model that pauses in the middle of a number would give it away.
 */
export class EventRedactor {
  readonly #kinds: readonly SecretKind[];
  readonly #onFound: (kind: SecretKind) => void;
  readonly #channels = new Map<string, TextChannel>();
  #held: HeldEvent[] = [];
  #heldBytes = 0;
  /** Texts of events that are held back. */
  readonly #waiting = new Set<TextChannel>();

  constructor(kinds: readonly SecretKind[], onFound: (kind: SecretKind) => void) {
    this.#kinds = kinds;
    this.#onFound = onFound;
  }

  /**
   * Takes an event.
   * @param texts what it consists of; undefined if its data is not an object
   * @returns the events that are decided
   */
  push(event: ServerEvent, texts: CompletionTexts | undefined): Buffer[] {
    if (!texts) return [...(event.isDone ? this.end() : []), this.#redactPlain(event)];
    const decided = texts.streamed.map(({ name }) => this.#channelOf(name).decided);
    const segments = texts.streamed.map(text => this.#segmentOf(text));
    for (const index of texts.finished) this.#each(channel => channel.end(), `${index}/`);
    let { isWithoutLogprobs: isChanged } = texts;
    for (const { holder, key } of texts.whole)
      isChanged = this.#replace(holder, key, this.#redact(holder[key])) || isChanged;
    const isAdvanced = texts.finished.length > 0 || segments.some(({ channel }, i) => channel.decided !== decided[i]);
    const released = isAdvanced ? this.#release() : [];
    released.push(...this.#admit({ event, segments, isOfAll: texts.choices.length === 0, isChanged }));
    if (this.#heldBytes <= MAX_HELD_BYTES) return released;
    this.#each(channel => channel.conceal());
    return [...released, ...this.#release()];
  }

  /** Decides about all that is held back. @returns the rest of the events */
  end(): Buffer[] {
    this.#each(channel => channel.end());
    return this.#release();
  }

  #channelOf(name: string): TextChannel {
    let channel = this.#channels.get(name);
    if (!channel) {
      channel = new TextChannel(this.#kinds, this.#onFound);
      this.#channels.set(name, channel);
    }
    return channel;
  }

  #segmentOf(text: StreamedText): Segment {
    const channel = this.#channelOf(text.name);
    const piece = text.holder[text.key] as string;
    return { ...text, channel, text: piece, offset: channel.push(piece) };
  }

  #each(decide: (channel: TextChannel) => void, prefix = ''): void {
    for (const [name, channel] of this.#channels) if (name.startsWith(prefix)) decide(channel);
  }

  #release(): Buffer[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    this.#waiting.clear();
    return held.flatMap(one => this.#admit(one));
  }

  /** Holds an event back, or lets it pass. */
  #admit(one: HeldEvent): Buffer[] {
    const isOpen = ({ channel, offset, text }: Segment) =>
      this.#waiting.has(channel) || offset + text.length > channel.decided;
    if (!one.segments.some(isOpen) && !(one.isOfAll && this.#held.length > 0)) return [this.#bytesOf(one)];
    this.#held.push(one);
    this.#heldBytes += one.event.bytes.length;
    for (const { channel } of one.segments) this.#waiting.add(channel);
    return [];
  }

  #bytesOf({ event, segments, isChanged }: HeldEvent): Buffer {
    let changed = isChanged;
    for (const { channel, holder, key, text, offset } of segments)
      changed = this.#replace(holder, key, channel.take(text, offset)) || changed;
    return changed ? eventOf(JSON.stringify(event.value), event.otherLines) : event.bytes;
  }

  #replace(holder: Record<string, unknown>, key: string, text: string): boolean {
    if (holder[key] === text) return false;
    holder[key] = text;
    return true;
  }

  #redact(text: unknown): string {
    return redactText(text as string, this.#kinds, this.#onFound);
  }

  /** Its data is no JSON, or it has none, as comments. */
  #redactPlain({ bytes, data, otherLines }: ServerEvent): Buffer {
    const text = data ?? bytes.toString('utf8');
    const redacted = this.#redact(text);
    if (redacted === text) return bytes;
    return data === undefined ? Buffer.from(redacted) : eventOf(redacted, otherLines);
  }
}

/** Redacts a response that is not streamed: the texts of JSON, or plain text. Passes it as it is if there is nothing to redact. */
export function redactDocument(
  body: Buffer,
  kinds: readonly SecretKind[],
  onFound: (kind: SecretKind) => void,
): Buffer {
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not JSON.
  }
  if (typeof value !== 'object' || value === null) {
    const redacted = redactText(text, kinds, onFound);
    return redacted === text ? body : Buffer.from(redacted);
  }
  // A list is seen as an object with a key for each position.
  const texts = completionTexts(value as Record<string, unknown>);
  let { isWithoutLogprobs: isChanged } = texts;
  for (const { holder, key } of [...texts.streamed, ...texts.whole]) {
    const before = holder[key] as string;
    const redacted = redactText(before, kinds, onFound);
    if (redacted === before) continue;
    holder[key] = redacted;
    isChanged = true;
  }
  return isChanged ? Buffer.from(JSON.stringify(value)) : body;
}
