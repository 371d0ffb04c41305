import { CLIENTS_ISSUER, SELF_ISSUER } from '../../identity/principal.ts'
import { lintPolicy } from '../../policy/lint.ts'
import type { Policy } from '../../policy/policy.ts'
import { compilePolicy } from '../../policy/policy.ts'
import { policySchema } from '../../policy/policy-schema.ts'
import type { NounKind } from '../contract.ts'
import { memberOf, referencesFrom } from '../references.ts'

const ALL: ReadonlySet<string> = new Set(['*'])
/** Issuers that no document vouches for. */
const BUILT_IN: ReadonlySet<string> = new Set([SELF_ISSUER, CLIENTS_ISSUER])

export const policy: NounKind<Policy> = {
  kind: 'Policy',
  path: 'policies',
  summary: 'What is allowed: which clients may have which scopes at which targets, for whom, and how.',
  writtenBy: 'editor',
  schema: () => policySchema,
  references: ({ clients, targets, subject, actor }) => [
    ...referencesFrom(clients, 'spec.clients', 'Client', ALL),
    ...referencesFrom(targets, 'spec.targets', 'Target', ALL),
    ...referencesFrom(memberOf(subject, 'issuers'), 'spec.subject.issuers', 'TrustedIssuer', BUILT_IN),
    ...referencesFrom(memberOf(actor, 'issuers'), 'spec.actor.issuers', 'TrustedIssuer', BUILT_IN),
  ],
  compile: (name, spec) => compilePolicy(name, spec),
  lint: lintPolicy,
}
