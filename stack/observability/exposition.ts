/** Sample of the Prometheus text format, without timestamp. */
export interface ExposedSample {
  readonly name: string;
  /** As exposed, without braces: `reason="idle",code="200"`; empty without labels. */
  readonly labels: string;
  readonly value: number;
}

/** `name{label="text with any \" } character"} value`, optionally followed by a timestamp, an exemplar or a carriage return. */
const SAMPLE = /^([A-Za-z_:][\w:]*)[ \t]*(?:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\})?[ \t]+(\S+)/;
const NAME = /^[A-Za-z_:][\w:]*/;

/**
 * Parses the samples of the wanted names from Prometheus text format 0.0.4, including OpenMetrics' additions to sample lines.
 * Optimized for frequent scrapes of hundreds of series: lines of other names are skipped without parsing. Malformed lines and
 * non-finite values are ignored.
 */
export function parseExposition(text: string, wanted: (name: string) => boolean): ExposedSample[] {
  const samples: ExposedSample[] = [];
  for (const line of text.split('\n')) {
    const name = NAME.exec(line)?.[0];
    if (name === undefined || !wanted(name)) continue;
    const [, , labels = '', text] = SAMPLE.exec(line) ?? [];
    const value = Number(text ?? Number.NaN);
    if (Number.isFinite(value)) samples.push({ name, labels, value });
  }
  return samples;
}
