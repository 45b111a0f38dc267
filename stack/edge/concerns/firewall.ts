import { SquallError } from '../../../harness/errors.ts';
import type { EdgeOptions } from '../options.ts';
import { type Concern, type EdgePlan, textOf } from './concern.ts';

/**
 * Free-text fields of model APIs, in ModSecurity's names for JSON members (`json.messages.array_0.content`). A question about SQL
 * is not an SQL injection: the text goes to a model, and nothing else interprets it.
 */
const FREE_TEXT = [
  // chat: text or parts, reasoning, names and arguments of tool calls
  ...['content', 'reasoning_content', 'refusal', 'tool_calls'].map(member => `messages\\.array_[0-9]+\\.${member}`),
  // legacy completions, the responses API and Anthropic's API
  ...['prompt', 'suffix', 'stop', 'input', 'instructions', 'system', 'stop_sequences'],
  // descriptions, schemas and examples of tools and structured output
  ...['tools', 'functions', 'response_format', 'text'],
];

/**
 * ModSecurity with the core rule set at paranoia level 1, in two variants:
 *
 * - unstreamed routes: all rules apply to the whole request;
 * - completion routes (`streaming.paths`): the free-text members of the JSON body are excluded. Query string, headers, cookies, path
 *   and all other members stay protected. Exclusions match by member name, so query strings with such a name are rejected, and
 *   every body is parsed as JSON, whatever its content type.
 *
 * The cost grows with the number of members, about a millisecond of one worker per message of a conversation (every rule matches
 * every member against the exclusions), and hardly with their length. Long conversations need more `workers`.
 *
 * Response bodies are not inspected, since that would buffer streams. The audit log is off, since bodies contain users' prompts.
 *
 * @throws SquallError `NO_MODSECURITY` when it is not installed
 */
export function firewall({ options, capabilities: { modsecurity } }: EdgePlan): Concern {
  if (options.waf === 'off') return { name: 'firewall' };
  if (!modsecurity) {
    const message = "nginx's ModSecurity module or its core rule set is not installed";
    throw new SquallError('environment', 'NO_MODSECURITY', message, {
      next: "Install them (Debian: libnginx-mod-http-modsecurity, modsecurity-crs), or set the edge's `waf` to off.",
    });
  }
  const includes = [`Include ${modsecurity.setup}`, `Include ${modsecurity.rules}/*.conf`];
  const rules = [engine(options), ...includes, HOST_EXCLUSION];
  return {
    name: 'firewall',
    main: [`load_module ${modsecurity.module};`],
    streaming: ['modsecurity on;', 'modsecurity_rules_file modsecurity/completions.conf;'],
    unstreamed: ['modsecurity on;', 'modsecurity_rules_file modsecurity/unstreamed.conf;'],
    files: {
      'modsecurity/unstreamed.conf': textOf([JSON_BY_TYPE, ...rules]),
      'modsecurity/completions.conf': textOf([JSON_ALWAYS, ...rules, FREE_TEXT_RULES]),
    },
  };
}

const AS_JSON = 'id:1000,phase:1,pass,nolog,t:none,ctl:requestBodyProcessor=JSON';
const JSON_BY_TYPE = `SecRule REQUEST_HEADERS:Content-Type "@rx (?i)^application/(?:[a-z0-9.-]+\\+)?json" "${AS_JSON}"`;
/** Independent of the content type, since the gateway parses any body as JSON. */
const JSON_ALWAYS = `SecRule REQUEST_METHOD "!@rx ^(?:GET|HEAD|OPTIONS)$" "${AS_JSON}"`;

function engine({ maxBodyBytes }: EdgeOptions): string {
  return `SecRuleEngine On
SecRequestBodyAccess On
# nginx has already rejected longer bodies with 413.
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
SecRule ARGS_GET_NAMES "@beginsWith json." "id:1003,phase:2,deny,status:403,log,t:none,msg:'Query parameter named like a JSON member'"`;
}

/** 920350 scores IP addresses in `Host`, which this stack uses. */
const HOST_EXCLUSION = 'SecRuleRemoveById 920350';

/** The quotes allow `|` in an expression. REQUEST_BODY is excluded because it repeats the same text as a whole. */
const FREE_TEXT_RULES = `SecRuleUpdateTargetByTag "OWASP_CRS" "!ARGS:'/^json\\.(?:${FREE_TEXT.join('|')})(?:\\.|$)/'"
SecRuleUpdateTargetByTag "OWASP_CRS" "!ARGS_NAMES:'/^json\\.(?:${FREE_TEXT.join('|')})(?:\\.|$)/'"
SecRuleUpdateTargetByTag "OWASP_CRS" "!REQUEST_BODY"`;
