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
  if (facts.madeFor !== undefined && facts.madeFor !== name && facts.madeFor !== facts.client.principal.id)
    return new Refusal(
      'grant_mismatch',
      `the grant is made out to client ${JSON.stringify(facts.madeFor.slice(0, 120))}, and ${name} brings it`,
    )
  if (facts.issuedTo?.some((one) => one === name || client.audiences.includes(one)) === false)
    return new Refusal(
      'audience_mismatch',
      `the token was issued to ${facts.issuedTo.map((one) => JSON.stringify(one.slice(0, 120))).join(', ')}, which client ${name} is not by its name or its \`audiences\``,
    )
  if (!mayBring(facts, client))
    return new Refusal(
      'audience_mismatch',
      `the token of ours was issued to client ${facts.subjectClient} for ${facts.subjectAudiences?.join(', ')}; client ${name} is neither, by its name or its \`audiences\``,
    )
  if (facts.subjectUnproven && isHolder(facts))
    return new Refusal(
      'confirmation_unproven',
      `the token of ours is bound to a key of client ${facts.subjectClient}, which brings it back, and the request does not prove that key`,
    )
  return undefined
}

/** Whether the caller is who the token was issued to. Nobody waives its key for it: a thief of the token would look the same (T16). */
const isHolder = ({ client, subjectClient }: Facts): boolean =>
  subjectClient === undefined || client.candidates.includes(subjectClient)

/** A token of ours is brought by the client it was issued to, or by one that it is meant for (TE-70, T18); any other may have stolen it. */
function mayBring({ subject, subjectAudiences, subjectClient }: Facts, client: Client): boolean {
  if (subject.issuer !== SELF_ISSUER) return true
  return subjectClient === client.name || (subjectAudiences?.some((one) => client.audiences.includes(one)) ?? false)
}
