import { parseAst } from 'vitest/node';

/** Names of the global object that reach the machine. */
const GLOBALS = ['setTimeout', 'setInterval', 'setImmediate', 'fetch', 'performance', 'crypto', 'scheduler'];
GLOBALS.push('WebSocket', 'EventSource', 'XMLHttpRequest');
/** Members of global objects that do. */
const MEMBERS: Readonly<Record<string, readonly string[]>> = {
  Date: ['now'],
  Math: ['random'],
  AbortSignal: ['timeout'],
  process: ['hrtime', 'uptime', 'getBuiltinModule'],
};
/** What may be imported of modules that reach the machine: what only computes, or is handed a network. */
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  timers: [],
  'timers/promises': [],
  perf_hooks: [],
  dns: [],
  'dns/promises': [],
  dgram: [],
  http2: [],
  https: [],
  net: ['isIP', 'isIPv4', 'isIPv6', 'BlockList', 'createServer'],
  tls: ['checkServerIdentity', 'createSecureContext', 'getCACertificates'],
  http: ['createServer', 'IncomingMessage', 'ServerResponse', 'validateHeaderValue'],
  crypto: [
    ...[
      'createCipheriv',
      'createDecipheriv',
      'createHash',
      'createHmac',
      'createSecretKey',
      'hash',
      'hkdfSync',
      'timingSafeEqual',
    ],
    ...['X509Certificate', 'createPrivateKey', 'createPublicKey', 'sign'],
  ],
  undici: ['Agent', 'Pool'],
  ioredis: ['AbstractConnector', 'Redis'],
};
/** Clients of packages, and the option by which they are handed a network. */
const CONNECTORS: Readonly<Record<string, string>> = { Agent: 'connect', Pool: 'connect', Redis: 'Connector' };
/** Nodes of TypeScript that hold values. */
const WITH_VALUES = /^TS(?:As|Satisfies|NonNull|Instantiation)Expression$|^TSTypeAssertion$|^TSParameterProperty$/;

interface Node {
  readonly type: string;
  readonly [key: string]: unknown;
}

/**
 * Every place of a source file where it takes time, chance, addresses or connections from the machine by itself instead of being handed
 * them, such as `uses Date.now`. Comments, texts and types are none.
 */
export function directUses(text: string): string[] {
  const found: string[] = [];
  visit(parseAst(text, { lang: 'ts' }) as unknown as Node, undefined, '', found);
  return found;
}

function visit(node: Node, parent: Node | undefined, key: string, found: string[]): void {
  if (node.type.startsWith('TS') && !WITH_VALUES.test(node.type)) return;
  found.push(...usesOf(node, parent, key));
  for (const [name, value] of Object.entries(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (typeof (child as Node | null)?.type === 'string') visit(child as Node, node, name, found);
}

function usesOf(node: Node, parent: Node | undefined, key: string): string[] {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return node.source ? imported(node) : [];
    case 'ImportExpression':
      return loaded(node.source as Node);
    case 'Identifier':
      return isReference(parent!, key) && GLOBALS.includes(String(node.name)) ? [`uses ${node.name}`] : [];
    case 'MemberExpression':
      return member(node);
    case 'VariableDeclarator':
      return destructured(node);
    case 'NewExpression':
      return constructed(node);
    case 'CallExpression':
      return called(node);
  }
  return [];
}

/** Whether an identifier at `key` of its parent is a value, and does not only name a member. */
function isReference(parent: Node, key: string): boolean {
  if (key === 'property') return parent.computed === true;
  if (key === 'key') return parent.computed === true;
  return !/^(?:Import|Export.*Specifier)/.test(parent.type);
}

function imported(node: Node): string[] {
  const module = moduleOf(node.source as Node);
  const harmless = HARMLESS[module];
  if (!harmless || node.importKind === 'type' || node.exportKind === 'type') return [];
  const specifiers = (node.specifiers ?? [node]) as Node[];
  return specifiers
    .filter(({ importKind, exportKind }) => importKind !== 'type' && exportKind !== 'type')
    .map(({ type, imported, local }) => nameOf(type === 'ExportSpecifier' ? local : imported) ?? '*')
    .filter(name => !harmless.includes(name))
    .map(name => `imports ${name} of ${module}`);
}

function loaded(source: Node | undefined): string[] {
  const module = source ? moduleOf(source) : '';
  return HARMLESS[module] ? [`imports * of ${module}`] : [];
}

function member({ object, property }: Node): string[] {
  const [of, name] = [nameOf(object), nameOf(property) ?? ''];
  if (of === 'globalThis' || of === 'global')
    return GLOBALS.includes(name) || MEMBERS[name] ? [`uses ${of}.${name}`] : [];
  return MEMBERS[of ?? '']?.includes(name) ? [`uses ${of}.${name}`] : [];
}

function destructured({ id, init }: Node): string[] {
  if ((id as Node).type !== 'ObjectPattern') return [];
  const of = nameOf(init) ?? '';
  const reaching = of === 'globalThis' ? [...GLOBALS, ...Object.keys(MEMBERS)] : (MEMBERS[of] ?? []);
  const names = ((id as Node).properties as Node[]).map(({ key }) => nameOf(key) ?? '');
  return names.filter(name => reaching.includes(name)).map(name => `uses ${of}.${name}`);
}

function constructed(node: Node): string[] {
  const name = nameOf(node.callee) ?? '';
  const args = node.arguments as Node[];
  if (name === 'Date' && args.length === 0) return ['uses new Date()'];
  const option = CONNECTORS[name];
  if (option === undefined) return [];
  const options = args.flatMap(({ properties = [] }) => properties as Node[]);
  return options.some(({ key }) => nameOf(key) === option) ? [] : [`new ${name} without ${option}`];
}

function called({ callee, arguments: args }: Node): string[] {
  const name = nameOf(callee);
  if (name === 'Date') return ['uses Date()'];
  if (name === 'require') return loaded((args as Node[])[0]);
  const { object, property } = callee as Node;
  if (nameOf(property) !== 'listen') return [];
  const owner = nameOf(object) ?? nameOf((object as Node).property) ?? '';
  return /network$/i.test(owner) ? [] : ['listens'];
}

/** Name of an identifier, or the text of a literal. */
function nameOf(node: unknown): string | undefined {
  const { type, name, value } = (node ?? {}) as Partial<Node>;
  return type === 'Identifier' || type === 'PrivateIdentifier'
    ? String(name)
    : type === 'Literal'
      ? String(value)
      : undefined;
}

const moduleOf = (source: Node): string => String(source.value).replace(/^node:/, '');
