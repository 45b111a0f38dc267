import { createServer, type Server, type Socket } from 'node:net';
import type { Network } from '../../../harness/host/network.ts';

/** What a script is given: a network for each side, and time. */
export interface Stage {
  readonly client: Network;
  readonly server: Network;
  readonly host: string;
  sleep(ms: number): Promise<void>;
}

/** What a socket told its user, in order; consecutive chunks are one, since a kernel may cut them as it likes. */
export function transcript(socket: Socket): string[] {
  const told: string[] = [];
  const tell = (words: string) => void told.push(words);
  for (const event of ['connect', 'ready', 'end', 'finish', 'timeout']) socket.on(event, () => tell(event));
  socket.on('data', chunk => {
    const last = told.at(-1);
    if (last?.startsWith('data ')) told[told.length - 1] = `data ${Number(last.slice(5)) + chunk.length}`;
    else tell(`data ${chunk.length}`);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => tell(`error ${error.code} ${error.syscall}`));
  socket.on('close', hadError => tell(`close ${hadError}`));
  return told;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly told: { client: string[]; server: string[] };
}

export async function open(
  stage: Stage,
  options: { clientHalfOpen?: boolean; serverHalfOpen?: boolean } = {},
): Promise<Pair & { listening: Server }> {
  const listening = createServer({ allowHalfOpen: options.serverHalfOpen ?? false });
  const accepted = new Promise<{ socket: Socket; told: string[] }>(resolve =>
    listening.once('connection', socket => resolve({ socket, told: transcript(socket) })),
  );
  const endpoint = await stage.server.listen(listening, { host: stage.host, port: 0 });
  const client = stage.client.connect({ ...endpoint, allowHalfOpen: options.clientHalfOpen ?? false });
  const told = transcript(client);
  const { socket, told: serverTold } = await accepted;
  await stage.sleep(30);
  return { client, server: socket, told: { client: told, server: serverTold }, listening };
}
