import type { Target } from '../../targets/contract.ts'
import { lintTarget } from '../../targets/lint.ts'
import { compileTarget, targetSchema } from '../../targets/target.ts'
import type { NounKind } from '../contract.ts'
import { referencesFrom } from '../references.ts'

export const target: NounKind<Target> = {
  kind: 'Target',
  path: 'targets',
  summary: 'For whom we mint: audience and resource names, scopes, and how tokens for that audience look.',
  writtenBy: 'editor',
  schema: ({ tokenKinds }) => targetSchema(tokenKinds),
  references({ clients, clientIds }) {
    const named = typeof clientIds === 'object' && clientIds !== null ? Object.keys(clientIds) : []
    return [
      ...referencesFrom(clients, 'spec.clients', 'Client'),
      ...named.map((name) => ({ path: `spec.clientIds.${name}`, kind: 'Client', name })),
    ]
  },
  compile: (name, spec, { tokenKinds }) => compileTarget(name, spec, tokenKinds),
  lint: lintTarget,
}
