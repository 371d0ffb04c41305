import type { Client } from '../clients/contract.ts'
import { SELF_ISSUER } from '../identity/principal.ts'
import { Refusal } from '../refusal.ts'
import type { Facts } from './contract.ts'

/** Why a client gets nothing on this request, whatever it asks for; undefined where rules are to be asked. */
export function clientRefusal(facts: Facts, client: Client): Refusal | undefined {
  const { name, grants, disabled } = client
  if (disabled) return new Refusal('client_disabled', `client ${name} is disabled`)
  if (!grants.has(facts.grant))
    return new Refusal(
      'grant_not_allowed',
      `client ${name} may not use ${facts.grant}; its \`grants\` are ${[...grants].join(', ') || 'none'}`,
    )
  if (facts.madeFor !== undefined && facts.madeFor !== name)
    return new Refusal('client_mismatch', `the grant is made out to client ${facts.madeFor}, and ${name} brings it`)
  if (!mayBring(facts, client))
    return new Refusal(
      'audience_mismatch',
      `the token of ours was issued to client ${facts.subjectClient} for ${facts.subjectAudiences?.join(', ')}; client ${name} is neither, by its name or its \`audiences\``,
    )
  return undefined
}

/** A token of ours is brought by the client it was issued to, or by one that it is meant for (TE-70, T18); any other may have stolen it. */
function mayBring({ subject, subjectAudiences, subjectClient }: Facts, client: Client): boolean {
  if (subject.issuer !== SELF_ISSUER) return true
  return subjectClient === client.name || (subjectAudiences?.some((one) => client.audiences.includes(one)) ?? false)
}
