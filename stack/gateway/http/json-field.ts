/**
 * A JSON object with one more field. The rest of its bytes are kept, unless the field is there already.
 * @param fields of the object
 */
export function withField(
  json: Buffer,
  fields: Readonly<Record<string, unknown>>,
  field: string,
  value: unknown,
): Buffer {
  if (field in fields) return Buffer.from(JSON.stringify({ ...fields, [field]: value }));
  const open = json.indexOf('{') + 1;
  return Buffer.concat([
    json.subarray(0, open),
    Buffer.from(`${JSON.stringify(field)}:${JSON.stringify(value)},`),
    json.subarray(open),
  ]);
}
