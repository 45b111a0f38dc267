import { ApiError } from '../http/api-error.ts';

/** A field of a form; `filename` is undefined where it is no file. */
export interface FormPart {
  readonly name: string;
  readonly filename: string | undefined;
  readonly content: Buffer;
}

const MAX_PARTS = 20;
const MAX_HEAD_BYTES = 4096;
const BREAK = Buffer.from('\r\n\r\n');

/**
 * Reads a form (`multipart/form-data`, RFC 7578). Contents share the memory of `body`. Not read: encodings of parts, which browsers and OpenAI's clients do
 * not use.
 * @throws ApiError 400 `invalid_form`
 */
export function parseForm(contentType: string | undefined, body: Buffer): FormPart[] {
  const [, quoted, plain] =
    /^multipart\/form-data\s*;(?:.*;)?\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType ?? '') ?? [];
  const boundary = quoted ?? plain;
  if (boundary === undefined) throw invalid('the content type to be multipart/form-data with a boundary');
  const delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  const parts: FormPart[] = [];
  // The first delimiter has no line before it.
  let at = body.indexOf(delimiter.subarray(2));
  if (at !== 0 && body.indexOf(delimiter) !== at - 2) throw invalid('the body to begin with its boundary');
  for (at += delimiter.length - 2; ; ) {
    if (body.toString('latin1', at, at + 2) === '--') return parts;
    if (body.toString('latin1', at, at + 2) !== '\r\n') throw invalid('a line end after each boundary');
    const headEnd = body.indexOf(BREAK, at);
    const end = headEnd < 0 ? -1 : body.indexOf(delimiter, headEnd + BREAK.length - 2);
    if (end < 0 || headEnd - at > MAX_HEAD_BYTES)
      throw invalid('every part to have headers of at most 4 KiB and an end');
    if (parts.length === MAX_PARTS) throw invalid(`at most ${MAX_PARTS} parts`);
    const disposition = /^content-disposition: *form-data(;.*)$/im.exec(body.toString('utf8', at, headEnd))?.[1] ?? '';
    const name = parameter(disposition, 'name');
    if (name === undefined) throw invalid('every part to have a name');
    const content = body.subarray(headEnd + BREAK.length, Math.max(headEnd + BREAK.length, end));
    parts.push({ name, filename: parameter(disposition, 'filename'), content });
    at = end + delimiter.length;
  }
}

/** As browsers write it: `"`, CR and LF are escaped as in URLs. */
function parameter(disposition: string, name: string): string | undefined {
  const [, quoted, plain] = new RegExp(`; *${name}=(?:"([^"]*)"|([^\\s;"]+))`, 'i').exec(disposition) ?? [];
  return (quoted ?? plain)?.replaceAll(/%(22|0D|0A)/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function invalid(expected: string): ApiError {
  return new ApiError(400, 'invalid_form', `Expected ${expected}.`);
}
