import { readCertificate } from '../lib/x509/certificate.ts'
import { type Certificate, CertificateFault } from '../lib/x509/contract.ts'
import { validatePath } from '../lib/x509/path.ts'
import { FetchFailure } from './fetch-failure.ts'
import { svidOf } from './svid-profile.ts'

/** How a server is known by its SPIFFE ID instead of its name (profile https_spiffe, S-86). */
export interface SpiffeServer {
  /** PEM. What its certificate must come from; the authorities of the system do not count (SC-22). */
  readonly ca: readonly string[]
  /** What is wrong with the chain (DER, leaf first) that the server presents; undefined where it is whom it must be. */
  fault(chain: readonly Buffer[]): FetchFailure | undefined
}

/** `now`: seconds since the epoch. Throws FetchFailure `endpoint` where there is nothing to know the server by. */
export function spiffeServer(id: string, anchors: readonly Certificate[], now: number): SpiffeServer {
  if (anchors.length === 0) {
    throw new FetchFailure(
      'endpoint',
      `the bundle that ${id} was known by has no x509-svid certificate, so its server cannot be told from another; write its present bundle as keys.bundle.inline`,
    )
  }
  return {
    ca: anchors.map(({ x509 }) => x509.toString()),
    fault(chain) {
      try {
        const [leaf, ...presented] = chain.map((der) => readCertificate(der))
        if (leaf === undefined) return new FetchFailure('endpoint', `the server of ${id} presents no certificate`)
        validatePath(leaf, presented, { anchors, intermediates: [], now, purpose: 'serverAuth' })
        if (svidOf(leaf).uri === id) return undefined
        return new FetchFailure('endpoint', `the server has another SPIFFE ID than ${id}`)
      } catch (error) {
        // Whatever goes wrong here, the server is not known.
        const why = error instanceof CertificateFault ? error.code : 'unreadable'
        return new FetchFailure('endpoint', `the certificate of the server is no valid X.509-SVID of ${id} (${why})`)
      }
    },
  }
}
