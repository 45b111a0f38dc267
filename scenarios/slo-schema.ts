import { z } from 'zod';
import { parseObjective } from '../reports/judge/objective.ts';
import { BadObjective, OBJECTIVE_WORDS } from '../reports/judge/statement.ts';

/** Maximum length of a name or an objective, in characters. */
export const MAX_NAME = 200;

/** Stands for the id of a fault in the SLOs that hold for each. */
export const EACH_FAULT = '*';

/** The text of an objective, parsed. @param prepare what is parsed instead of it */
function objective(prepare: (text: string) => string) {
  return z
    .string()
    .max(MAX_NAME)
    .meta({ title: OBJECTIVE_WORDS })
    .transform((text, context) => {
      try {
        return { ...parseObjective(prepare(text)), text };
      } catch (error) {
        if (!(error instanceof BadObjective)) throw error;
        context.addIssue({ code: 'custom', message: `expected ${OBJECTIVE_WORDS} (${error.detail})` });
        return z.NEVER;
      }
    });
}

const name = z.string().min(1).max(MAX_NAME);
const classOfClients = z.string().optional().describe('only requests of this class of load.clients.classes');

/** An SLO of a scenario. */
export const sloSchema = z.strictObject({
  name,
  window: z
    .string()
    .max(MAX_NAME)
    .default('whole')
    .describe('baseline, whole, load:<stage>, fault:<id> or recovery:<id>'),
  objective: objective(text => text),
  class: classOfClients,
});

/** An SLO for each fault of a schedule, whose id is written `*`. */
export const eachFaultSloSchema = z.strictObject({
  name,
  window: z.enum(['whole', 'fault:*', 'recovery:*']).default('whole').describe('`*` is the id of the fault'),
  objective: objective(text => text.replaceAll(EACH_FAULT, 'each')),
  class: classOfClients,
});
