import type { Client } from '../clients/contract.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { DocumentFault } from './faults.ts'

/** Kinds of credentials by which a client of each method can be vouched for. */
const CREDENTIALS: Readonly<Record<string, readonly string[]>> = {
  tls_client_auth: ['x509', 'spiffe-x509-svid'],
  spiffe_jwt: ['spiffe-jwt-svid'],
  spiffe_x509: ['spiffe-x509-svid'],
  spiffe_wit: ['wit'],
}

/** Clients whose trusted issuer can never vouch for them: of another kind of credential, or of another trust domain. */
export function misfits(
  clients: Iterable<Client>,
  issuers: ReadonlyMap<string, TrustedIssuer>,
): readonly DocumentFault[] {
  const faults: DocumentFault[] = []
  for (const { name, authentication } of clients) {
    if (authentication === undefined || !('issuer' in authentication)) continue
    const issuer = issuers.get(authentication.issuer)
    if (issuer === undefined) continue // a reference that leads nowhere is a fault of its own
    const fits = CREDENTIALS[authentication.method] ?? []
    const fault = (path: string, message: string) =>
      void faults.push({ kind: 'Client', name, path: `spec.authentication.${path}`, message })
    if (!fits.includes(issuer.credential)) {
      fault(
        'issuer',
        `${issuer.name} has credentials ${issuer.credential}, and ${authentication.method} takes ${fits.join(' or ')}; name a trusted issuer of that`,
      )
    } else if ('spiffeId' in authentication && !authentication.spiffeId.startsWith(`${issuer.authority}/`)) {
      fault('spiffeId', `is not in the trust domain of ${issuer.name}, which is ${issuer.authority}`)
    }
  }
  return faults
}
