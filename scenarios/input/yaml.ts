import { type Document, isScalar, Lexer, LineCounter, parseAllDocuments, parseDocument, visit } from 'yaml';
import { messageOf } from '../../harness/errors.ts';
import { MAX_DEPTH } from './plain.ts';

/** Each use of an anchor searches the document. */
const MAX_ALIASES = 100;

/**
 * Value of a YAML or JSON text; null for an empty one. Keys are texts and unique, aliases at most 100, levels at most 64.
 * @throws Error whose message is one line with the position, and does not quote the text
 */
export function parseYaml(text: string): unknown {
  requireShallow(text);
  const lineCounter = new LineCounter();
  return plainValue(parseDocument(text, { ...OPTIONS, lineCounter }), lineCounter);
}

/** Values of the documents of a text, each as that of {@link parseYaml}. */
export function parseYamlDocuments(text: string): unknown[] {
  requireShallow(text);
  const lineCounter = new LineCounter();
  return parseAllDocuments(text, { ...OPTIONS, lineCounter }).map(document => plainValue(document, lineCounter));
}

/** That keys are unique is checked by {@link plainValue}: the parser compares each key with each. */
const OPTIONS = { uniqueKeys: false, logLevel: 'error' } as const;

function plainValue(document: Document, lineCounter: LineCounter): unknown {
  const lineOf = (offset = 0) => `at line ${lineCounter.linePos(offset).line}`;
  const [problem] = document.errors;
  // What follows the first line is an excerpt.
  if (problem) throw new Error(problem.message.split('\n', 1)[0]!.replace(/:$/, '').slice(0, 200));
  let aliases = 0;
  visit(document, {
    Alias(_, { range }) {
      aliases += 1;
      if (aliases > MAX_ALIASES) throw new Error(`it has more than ${MAX_ALIASES} aliases ${lineOf(range?.[0])}`);
    },
    Map(_, { items, range }) {
      const keys = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key)) throw new Error(`it has a key that is not a text ${lineOf(range?.[0])}`);
        const name = String(key.value);
        if (keys.has(name))
          throw new Error(`it has the key ${JSON.stringify(name.slice(0, 60))} twice ${lineOf(key.range?.[0])}`);
        keys.add(name);
      }
    },
  });
  try {
    return document.toJS();
  } catch (error) {
    throw new Error(`its aliases cannot be resolved: ${messageOf(error)}`);
  }
}

/** The parser calls itself for each level. */
function requireShallow(text: string): void {
  let brackets = 0;
  let indicators = 0;
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') brackets += 1;
    else if (token === ']' || token === '}') brackets -= 1;
    else if (token === '\n' || token === '\r\n') indicators = 0;
    else if (token === '-' || token === '?' || token === ':') indicators += 1;
    if (brackets > MAX_DEPTH || (brackets === 0 && indicators > MAX_DEPTH))
      throw new Error(`it is nested deeper than ${MAX_DEPTH} levels`);
  }
}
