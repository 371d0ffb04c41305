import type { Permission } from '../policy/contract.ts'
import type { DraftRequest } from '../tokens/mint.ts'
import type { Asked, Road } from './contract.ts'
import type { IdentifiedRequest } from './identified.ts'

/** What the token of a permitted request is made of. */
export const madeOf = (
  { parties, descent, facts, transaction }: IdentifiedRequest,
  permission: Permission,
  { id, remote }: Pick<Asked, 'id' | 'remote'>,
  { issuer, trustDomain, tokenKinds }: Pick<Road, 'issuer' | 'trustDomain' | 'tokenKinds'>,
): DraftRequest => ({
  permission,
  facts,
  subject: parties.subject,
  actor: parties.actor,
  possession: parties.possession,
  transaction,
  remote,
  id,
  lineage: descent.lineage,
  path: [...descent.path, permission.client],
  issuer,
  trustDomain,
  kinds: tokenKinds,
  now: facts.time,
})
