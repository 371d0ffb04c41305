import { formatDuration } from '../lib/duration.ts'
import type { Decision, Explanation, Facts, NearestRule, Permission } from './contract.ts'
import { nearest } from './denial.ts'
import { evaluate, type Rules } from './evaluate.ts'
import { type Traced, traceOf } from './trace.ts'

/**
 * Why a request is decided as it is. The decision is evaluate()'s own, and the trace beside it is made by the functions that
 * evaluate() asks, so that neither can say what the other does not. Pure, and JSON; it goes through all rules, and so is not
 * for the road.
 */
export function explain(facts: Facts, rules: Rules): Explanation {
  const decision = evaluate(facts, rules)
  const traced = traceOf(facts, rules)
  const { permitted, client, shadow, changes, errors } = decision
  const near = decision.permitted ? undefined : nearestOf(decision, traced, rules)
  return {
    permitted,
    ...(decision.permitted ? {} : { reason: decision.reason }),
    sentence: decision.permitted ? sentenceOf(decision, facts) : decision.detail,
    ...(client === undefined ? {} : { client }),
    rules: decision.rules,
    shadow,
    changes,
    errors,
    ...(decision.permitted ? { granted: grantedBy(decision) } : {}),
    ...(near === undefined ? {} : { nearest: near }),
    trace: traced.map(({ shown }) => shown),
  }
}

function sentenceOf(
  { rules, client, scopes, authorizationDetails, targets, lifetime, binding }: Permission,
  { subject, actor }: Facts,
): string {
  const who = rules.length === 1 ? `rule ${rules[0]} lets` : `rules ${rules.join(' and ')} let`
  const types = [...new Set(authorizationDetails.map(({ type }) => type))]
  const details = types.length === 0 ? '' : `, with authorization details of type ${types.join(' and ')},`
  const what = `${scopes.length === 0 ? 'a token without scopes' : scopes.join(' ')}${details}`
  const where = targets.map(({ name }) => name).join(' and ')
  const whom = actor === undefined ? '' : `, acting for ${subject.id}`
  const bound = binding === 'none' ? '' : `, bound by ${binding}`
  return `${who} client ${client} have ${what} at ${where} for ${formatDuration(lifetime)}${whom}${bound}`
}

const grantedBy = ({
  targets,
  profile,
  scopes,
  authorizationDetails,
  subject,
  actors,
  lifetime,
  binding,
}: Permission) => ({
  targets: targets.map(({ name }) => name),
  scopes,
  ...(authorizationDetails.length === 0 ? {} : { authorizationDetails }),
  token: profile.kind,
  tokenType: profile.tokenType,
  subject,
  actors,
  lifetime,
  binding,
})

/** Of the client that is decided about, at the first target that does not let it have all that it asks for. */
function nearestOf({ client }: Decision, traced: readonly Traced[], { policies }: Rules): NearestRule | undefined {
  const mine = traced.filter(({ shown, asked }) => asked !== undefined && shown.client === client)
  const { shown, asked } = mine.find((each) => lacking(each).length > 0) ?? mine[0] ?? {}
  if (shown?.target === undefined || asked === undefined) return undefined
  const missing = lacking({ shown, asked })
  const scopes = missing.length > 0 ? missing : shown.scopes
  const near = nearest(asked, policies.about(shown.client, shown.target), scopes)
  const rule = shown.rules.find((each) => each.rule === near?.rule.name)
  return rule === undefined ? undefined : { client: shown.client, target: shown.target, ...rule }
}

/** Scopes in question that no enforced permit grants there. */
const lacking = ({ shown }: Traced): readonly string[] =>
  shown.scopes.filter(
    (scope) =>
      !shown.rules.some(
        ({ effect, mode, scopes }) => effect === 'permit' && mode === 'enforce' && scopes.includes(scope),
      ),
  )
