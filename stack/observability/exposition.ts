/** One sample of the Prometheus text format. Its labels and its time are not kept. */
export interface ExposedSample {
  readonly name: string;
  readonly value: number;
}

/** `name{label="text with any \" } character"} value`, then maybe a time, an exemplar or a carriage return. */
const SAMPLE = /^([A-Za-z_:][\w:]*)[ \t]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?[ \t]+(\S+)/;
const NAME = /^[A-Za-z_:][\w:]*/;

/**
 * Reads the samples of the wanted names out of Prometheus text format 0.0.4 (and what OpenMetrics adds to a line). Made for a
 * scrape a second of services that tell hundreds of series: lines of other names are skipped unread, and so is a line that
 * cannot be read, for a reader of numbers is no validator. Values that are not finite are left out.
 */
export function parseExposition(text: string, wanted: (name: string) => boolean): ExposedSample[] {
  const samples: ExposedSample[] = [];
  for (const line of text.split('\n')) {
    const name = NAME.exec(line)?.[0];
    if (name === undefined || !wanted(name)) continue;
    const value = Number(SAMPLE.exec(line)?.[2] ?? Number.NaN);
    if (Number.isFinite(value)) samples.push({ name, value });
  }
  return samples;
}
