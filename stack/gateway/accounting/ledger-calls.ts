import { COUNTS, type Counts, type Ledger, type UsageRow } from './ledger.ts';
import { SENDER_TTL_MS } from './ledger-scripts.ts';

/** The scripts of the ledger, by the names of their commands. */
export type LedgerScript = 'reserveCredits' | 'settleUsage' | 'readUsage';

/** Runs a script. */
export type RunScript = (
  script: LedgerScript,
  keys: readonly string[],
  values: readonly (string | number)[],
) => Promise<readonly (number | string)[]>;

/** What a ledger does by its scripts, whoever runs them. */
export function ledgerCalls(run: RunScript): Pick<Ledger, 'reserve' | 'settle' | 'usage'> {
  return {
    async reserve(caller, reservation, { limit, periodMs, ttlMs }) {
      const { id, amount } = reservation ?? { id: '', amount: 0 };
      const values = [id, amount, limit, periodMs, ttlMs];
      const [granted, used, reserved, resetMs] = (await run('reserveCredits', quotaOf(caller), values)).map(Number);
      return { isGranted: granted === 1, used: used!, reserved: reserved!, resetMs: resetMs! };
    },
    async settle(sender, number, settlements, keepMs) {
      const keys = settlements.flatMap(({ caller, day }) => [...quotaOf(caller), usageOf(caller, day)]);
      const values = settlements.flatMap(({ reservation, periodMs, model, counts }) => [
        ...[reservation?.id ?? '', reservation?.amount ?? 0, periodMs, model],
        ...COUNTS.map(name => counts[name]),
      ]);
      await run('settleUsage', [`from:${sender}`, ...keys], [number, SENDER_TTL_MS, keepMs, ...values]);
    },
    async usage(caller, days) {
      if (days.length === 0) return [];
      const found = await run(
        'readUsage',
        days.map(day => usageOf(caller, day)),
        [],
      );
      return rowsOf(found, days);
    },
  };
}

function quotaOf(caller: string): [string, string] {
  return [`quota:${caller}`, `held:${caller}`];
}

function usageOf(caller: string, day: string): string {
  return `day:${day}:${caller}`;
}

/** Rows by day, then by model, of what the script returns. */
function rowsOf(found: readonly (number | string)[], days: readonly string[]): UsageRow[] {
  const rows = new Map<string, { day: string; model: string; counts: Record<string, number> }>();
  for (let at = 0; at < found.length; at += 3) {
    const [index = 0, field = '', value = 0] = found.slice(at, at + 3);
    const [name = '', ...rest] = String(field).split(' ');
    const [day, model] = [days[Number(index)]!, rest.join(' ')];
    const row = rows.get(`${day} ${model}`) ?? { day, model, counts: {} };
    row.counts[name] = Number(value);
    rows.set(`${day} ${model}`, row);
  }
  const none = Object.fromEntries(COUNTS.map(name => [name, 0]));
  return [...rows]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { day, model, counts }]) => ({ day, model, counts: { ...none, ...counts } as Counts }));
}
