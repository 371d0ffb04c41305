import { describe, expect, it } from 'vitest'
import { formats } from '../src/app.ts'
import { NO_BLOCKS } from '../src/blocks/block-index.ts'
import { credentialKinds } from '../src/credentials/look-up.ts'
import { ownIssuer } from '../src/credentials/own-issuer.ts'
import { Compiler } from '../src/documents/compile.ts'
import type { Document } from '../src/documents/contract.ts'
import { warningsOf } from '../src/documents/warnings.ts'
import { statedFacts } from '../src/exchange/stated-facts.ts'
import { parseDuration } from '../src/lib/duration.ts'
import type { Decision } from '../src/policy/contract.ts'
import { evaluate } from '../src/policy/evaluate.ts'
import { Refusal } from '../src/refusal.ts'
import { revokedBy } from '../src/tokens/revocations.ts'
import { type Case, policyPage } from './harness/policy-page.ts'
import { context, ISSUER } from './unit/documents/world.ts'

const sections = policyPage()
const compile = (documents: readonly Document[]) =>
  new Compiler({ ...context, ...formats, ourTrustDomain: 'cambist.example' }).compile(
    documents,
    ownIssuer(ISSUER, { keys: [] }),
  )

/** The decision of a case, or the reason for which there is none. */
function judged(documents: readonly Document[], { facts }: Case): Decision | string {
  const compiled = compile(documents)
  const snapshot = { ...compiled, version: 1, revoked: revokedBy([]), blocked: NO_BLOCKS }
  const kinds = credentialKinds(formats.credentialKinds)
  try {
    const stating = { snapshot, kinds, trustDomain: 'cambist.example', now: 1_795_395_600 }
    return evaluate(statedFacts(facts, stating, 'facts'), snapshot)
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  }
}

/** What the page says of a decision, where it says it. */
function outcome(decision: Decision | string): Readonly<Record<string, unknown>> {
  if (typeof decision === 'string') return { verdict: 'refused', reason: decision }
  const [rule] = decision.rules
  const common = { rule, changes: decision.changes, shadow: decision.shadow.map((each) => each.rule) }
  if (!decision.permitted) return { verdict: 'refused', reason: decision.reason, ...common }
  const { scopes, subject, actors, lifetime } = decision
  return { verdict: 'permitted', scopes, subject, actors: actors.map(({ sub }) => sub), lifetime, ...common }
}

describe.each(sections.map((section) => [section.title, section] as const))('%s', (_, { documents, shown, cases }) => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    const { lifetime, ...expected } = each.expect
    expect(outcome(judged(documents, each))).toMatchObject(
      lifetime === undefined ? expected : { ...expected, lifetime: parseDuration(lifetime) },
    )
  })

  it('has a case for every rule, and refuses without any', () => {
    expect(cases.some(({ expect: { verdict } }) => verdict === 'permitted')).toBe(true)
    const without = documents.filter(({ kind }) => kind !== 'Policy')
    for (const each of cases) expect(outcome(judged(without, each)), each.name).toMatchObject({ verdict: 'refused' })
    const used = new Set(
      cases.flatMap((each) => {
        const decision = judged(documents, each)
        return typeof decision === 'string' ? [] : [...decision.rules, ...decision.shadow.map(({ rule }) => rule)]
      }),
    )
    for (const { kind, metadata } of shown) if (kind === 'Policy') expect(used, metadata.name).toContain(metadata.name)
  })

  it('gives lint nothing to say of its rules but what they mean', () => {
    const said = warningsOf(compile(documents)).filter(({ kind }) => kind === 'Policy')
    for (const { path } of said) expect(MEANT).toContain(path)
  })
})

/** What lint says of a rule that gives a right of its own, of one about every client, and of one that the owner has closed. */
const MEANT = ['spec.delegation.mode', 'spec.changes', 'spec.clients', 'spec.targets']

it('teaches every use case that a policy is asked for', () => {
  expect(sections.length).toBeGreaterThan(18)
})
