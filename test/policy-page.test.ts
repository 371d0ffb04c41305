import { describe, expect, it } from 'vitest'
import { formats } from '../src/app.ts'
import { NO_BLOCKS } from '../src/blocks/block-index.ts'
import { credentialKinds } from '../src/credentials/look-up.ts'
import { ownIssuers } from '../src/credentials/own-issuer.ts'
import { Compiler } from '../src/documents/compile.ts'
import type { Document } from '../src/documents/contract.ts'
import { warningsOf } from '../src/documents/warnings.ts'
import { missesOf } from '../src/exchange/case-outcome.ts'
import { type Explained, explainStated } from '../src/exchange/explain.ts'
import type { WrittenCase } from '../src/exchange/written-case.ts'
import { revokedBy } from '../src/tokens/revocations.ts'
import { policyPage } from './harness/policy-page.ts'
import { context, ISSUER } from './unit/documents/world.ts'

const sections = policyPage()
const compile = (documents: readonly Document[]) =>
  new Compiler({ ...context, ...formats, ourTrustDomain: 'cambist.example' }).compile(documents, {
    own: ownIssuers(ISSUER, { publicKeysOf: () => ({ keys: [] }) }),
  })

/** Why a case is decided as it is, as `cambist test` asks. */
function explained(documents: readonly Document[], { facts, name }: WrittenCase): Explained {
  if (facts === undefined) throw new Error(`${name} has no facts`)
  const compiled = compile(documents)
  const snapshot = { ...compiled, version: 1, revoked: revokedBy([]), blocked: NO_BLOCKS }
  const kinds = credentialKinds(formats.credentialKinds)
  return explainStated(facts, { snapshot, kinds, trustDomain: 'cambist.example', now: 1_795_395_600 }, 'facts')
}

describe.each(sections.map((section) => [section.title, section] as const))('%s', (_, { documents, shown, cases }) => {
  it.each(cases.map((each) => [each.name, each] as const))('%s', (_name, each) => {
    expect(missesOf(each.expect, explained(documents, each))).toEqual([])
  })

  it('has a case for every rule, and refuses without any', () => {
    expect(cases.some(({ expect: { verdict } }) => verdict === 'permitted')).toBe(true)
    const without = documents.filter(({ kind }) => kind !== 'Policy')
    for (const each of cases) expect(explained(without, each).permitted, each.name).toBe(false)
    const used = new Set(
      cases.flatMap((each) => {
        const { explanation } = explained(documents, each)
        return explanation === undefined ? [] : [...explanation.rules, ...explanation.shadow.map(({ rule }) => rule)]
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
