import { parseSpiffeId, type parseWorkloadId, type WorkloadId } from '../identity/spiffe-id.ts'
import { Refusal } from '../refusal.ts'
import type { Mintable, TokenKind } from './contract.ts'

/**
 * The workload that a credential of its own would name: the issued `sub` as a mapping has made it, judged after that and in
 * every character, so that no value of a template reaches another path than its own (T15). It is of our trust domain and no
 * other, for which nobody validates by our keys. Such a credential says who a workload is and nothing else: what it would
 * leave out is refused, so that nobody is promised scopes, or an actor on whose behalf is acted, that no one can see. Throws
 * Refusal `token_unfit`.
 */
export function workloadOf(
  { permission: { subject, actors, scopes }, trustDomain }: Mintable,
  { name }: Pick<TokenKind, 'name'>,
  parse: typeof parseSpiffeId | typeof parseWorkloadId,
): WorkloadId {
  const unfit = (detail: string) => new Refusal('token_unfit', `a ${name} ${detail}`)
  const id = parse(subject)
  if (id === undefined) {
    const what = parse === parseSpiffeId ? 'a SPIFFE ID' : 'a SPIFFE ID or a WIMSE workload identifier'
    throw unfit(`names its subject by ${what}, and ${shown(subject)} is none; the target's \`subject\` makes one`)
  }
  if (id.trustDomain !== trustDomain)
    throw unfit(`of ours names workloads of our trust domain ${trustDomain}, and ${shown(subject)} is of another`)
  if (id.path === '') throw unfit(`names a workload, and ${id.uri} is the trust domain itself`)
  if (scopes.length > 0)
    throw unfit(`says no scopes, and ${scopes.join(' ')} would be granted with it; ask without scope`)
  if (actors.length > 0)
    throw unfit(
      `says of nobody that he acts for another, and ${actors[0]?.sub} would; have the subject ask for itself, or a rule that lets the client impersonate it`,
    )
  return id
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 120))
