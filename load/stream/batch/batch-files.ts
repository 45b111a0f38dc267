/** Boundary of the form of an upload, which no JSON text contains at the beginning of a line. */
export const BOUNDARY = 'squall-batch';

/** Input file of a job: `lines` times the same request, each with an id of its own. @param body JSON of a request, which may ask for a stream */
export function batchInput(url: string, body: string, lines: number): string {
  const { stream: _stream, stream_options: _options, ...own } = JSON.parse(body) as Record<string, unknown>;
  const lineOf = (line: number) => JSON.stringify({ custom_id: `line-${line}`, method: 'POST', url, body: own });
  return Array.from({ length: lines }, (_, line) => `${lineOf(line)}\n`).join('');
}

/** Form that uploads an input file. */
export function batchForm(input: string): string {
  const part = (name: string, content: string) =>
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"${name === 'file' ? '; filename="in.jsonl"' : ''}\r\n\r\n${content}\r\n`;
  return `${part('purpose', 'batch')}${part('file', input)}--${BOUNDARY}--\r\n`;
}

/** What is wrong with the results of a job; undefined if there is exactly one for each of its lines. @param files JSON lines */
export function missingResults(files: readonly string[], lines: number): string | undefined {
  const missing = new Set(Array.from({ length: lines }, (_, line) => `line-${line}`));
  for (const text of files.flatMap(file => file.split('\n')).filter(line => line !== '')) {
    let id: unknown;
    try {
      ({ custom_id: id } = JSON.parse(text) as { readonly custom_id?: unknown });
    } catch {
      return 'a result is no JSON';
    }
    if (!missing.delete(String(id))) return `the result of ${String(id)} is there twice, or was never asked for`;
  }
  return missing.size === 0 ? undefined : `${missing.size} of ${lines} results are missing`;
}
