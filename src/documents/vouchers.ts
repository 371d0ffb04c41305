import type { Client } from '../clients/contract.ts'
import { type AnyCredentialKind, CARRIED_TYPE } from '../credentials/contract.ts'
import type { Steps } from '../lib/slices.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { DocumentFault } from './faults.ts'

/** Names of the kinds by which a client of the method can be vouched for: those that say the method, and for a name in a certificate all that are one. */
const vouching = (kinds: readonly AnyCredentialKind[], method: string): readonly string[] =>
  kinds
    .filter(({ clientTypes }) =>
      method === 'tls_client_auth'
        ? clientTypes?.has(CARRIED_TYPE.certificate)
        : [...(clientTypes?.values() ?? [])].includes(method),
    )
    .map(({ name }) => name)

/** Clients whose trusted issuer can never vouch for them: of another kind of credential, or of another trust domain. */
export function* misfits(
  clients: Iterable<Client>,
  issuers: ReadonlyMap<string, TrustedIssuer>,
  kinds: readonly AnyCredentialKind[],
): Steps<readonly DocumentFault[]> {
  const faults: DocumentFault[] = []
  for (const { name, authentication } of clients) {
    yield
    if (authentication === undefined || !('issuer' in authentication)) continue
    const issuer = issuers.get(authentication.issuer)
    if (issuer === undefined) continue // a reference that leads nowhere is a fault of its own
    const fits = vouching(kinds, authentication.method)
    const fault = (path: string, message: string) =>
      void faults.push({ kind: 'Client', name, path: `spec.authentication.${path}`, message })
    if (!fits.includes(issuer.credential)) {
      fault(
        'issuer',
        `${issuer.name} has credentials ${issuer.credential}, and ${authentication.method} takes ${fits.join(' or ') || 'what this server does not read'}; name a trusted issuer of that`,
      )
    } else if ('spiffeId' in authentication && !authentication.spiffeId.startsWith(`${issuer.authority}/`)) {
      fault('spiffeId', `is not in the trust domain of ${issuer.name}, which is ${issuer.authority}`)
    }
  }
  return faults
}
