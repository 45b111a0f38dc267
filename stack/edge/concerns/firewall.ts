import { SquallError } from '../../../harness/errors.ts';
import type { EdgeOptions } from '../options.ts';
import type { Concern, EdgePlan } from './concern.ts';

/**
 * Where people write freely to a model, as ModSecurity names the members of a JSON body (`json.messages.array_0.content`).
 * A question about SQL is no SQL injection: the text is handed to a model, and nothing interprets it on its way.
 */
const FREE_TEXT = [
  // chat: text or parts, thoughts, names and arguments of tool calls
  ...['content', 'reasoning_content', 'refusal', 'tool_calls'].map(member => `messages\\.array_[0-9]+\\.${member}`),
  // the older completions, the responses API and Anthropic's API
  ...['prompt', 'suffix', 'stop', 'input', 'instructions', 'system', 'stop_sequences'],
  // descriptions, schemas and samples of tools and of structured answers
  ...['tools', 'functions', 'response_format', 'text'],
];

/**
 * ModSecurity with the core rule set at paranoia level 1, and two sets of rules:
 *
 * - ordinary routes: all rules on all of the request;
 * - completion routes (`streaming.paths`): the same, but no rule looks at the free-text members of the JSON body. Query string,
 *   headers, cookies, path and all other members stay protected. The exclusion goes by the members' names, so query strings that
 *   borrow such a name are refused outright, and every body is read as JSON, whatever it calls itself.
 *
 * The cost grows with the members of a body, about a millisecond of one worker for each message of a conversation (every rule
 * asks of every member whether it is excluded), and hardly with their length. Give long conversations more `workers`.
 *
 * Response bodies are not looked at: that would hold streams back. Nothing is audited, since bodies are people's prompts.
 *
 * @throws SquallError `NO_MODSECURITY` when it is not installed
 */
export function firewall({ options, capabilities: { modsecurity } }: EdgePlan): Concern {
  if (options.waf === 'off') return { name: 'firewall' };
  if (!modsecurity) {
    throw new SquallError(
      'environment',
      'NO_MODSECURITY',
      "nginx's ModSecurity module or its core rule set was not found",
      {
        next: "Install them (Debian: libnginx-mod-http-modsecurity, modsecurity-crs), or set the edge's `waf` to off.",
      },
    );
  }
  const rules = [engine(options), `Include ${modsecurity.setup}`, `Include ${modsecurity.rules}/*.conf`, ADAPTATION];
  return {
    name: 'firewall',
    main: [`load_module ${modsecurity.module};`],
    streaming: ['modsecurity on;', 'modsecurity_rules_file modsecurity/completions.conf;'],
    ordinary: ['modsecurity on;', 'modsecurity_rules_file modsecurity/ordinary.conf;'],
    files: {
      'modsecurity/ordinary.conf': text([JSON_BY_TYPE, ...rules]),
      'modsecurity/completions.conf': text([JSON_ALWAYS, ...rules, FREE_TEXT_RULES]),
    },
  };
}

function text(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

const AS_JSON = 'id:1000,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=JSON';
const JSON_BY_TYPE = `SecRule REQUEST_HEADERS:Content-Type "@rx (?i)^application/(?:[a-z0-9.-]+\\+)?json" "${AS_JSON}"`;
/** Whatever it calls itself: a body that claims to be plain text would else reach a gateway unseen, which reads it as JSON. */
const JSON_ALWAYS = `SecRule REQUEST_METHOD "!@rx ^(?:GET|HEAD|OPTIONS)$" "${AS_JSON}"`;

function engine({ maxBodyBytes }: EdgeOptions): string {
  return `SecRuleEngine On
SecRequestBodyAccess On
# nginx has refused longer bodies already, with 413.
SecRequestBodyLimit ${maxBodyBytes}
SecRequestBodyNoFilesLimit ${maxBodyBytes}
SecRequestBodyLimitAction Reject
SecRequestBodyJsonDepthLimit 64
# Long conversations: every member of the body is an argument.
SecArgumentsLimit 20000
SecResponseBodyAccess Off
SecAuditEngine Off
SecPcreMatchLimit 100000
SecPcreMatchLimitRecursion 100000
SecRule REQBODY_ERROR "!@eq 0" "id:1001,phase:2,deny,status:400,log,t:none,msg:'Body could not be parsed'"
SecRule &ARGS "@ge 20000" "id:1002,phase:2,deny,status:403,log,t:none,msg:'Too many arguments'"
SecRule ARGS_GET_NAMES "@beginsWith json." "id:1003,phase:2,deny,status:403,log,t:none,msg:'Query borrows a name of the JSON body'"`;
}

/** 920350 scores addresses in `Host`, and this stack is addressed so. */
const ADAPTATION = 'SecRuleRemoveById 920350';

/** Quotes allow alternatives (`|`) in an expression. REQUEST_BODY is the same text once more, in one piece. */
const FREE_TEXT_RULES = `SecRuleUpdateTargetByTag "OWASP_CRS" "!ARGS:'/^json\\.(?:${FREE_TEXT.join('|')})(?:\\.|$)/'"
SecRuleUpdateTargetByTag "OWASP_CRS" "!ARGS_NAMES:'/^json\\.(?:${FREE_TEXT.join('|')})(?:\\.|$)/'"
SecRuleUpdateTargetByTag "OWASP_CRS" "!REQUEST_BODY"`;
