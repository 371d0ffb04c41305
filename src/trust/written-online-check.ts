import { parseDuration } from '../lib/duration.ts'
import type { Fault } from '../lib/fault.ts'
import type { OnlineCheck } from './contract.ts'
import { checkCertificates } from './written-certificates.ts'
import { checkUrl } from './written-keys.ts'

interface WrittenQuestion {
  readonly url: string
  readonly ca?: string | undefined
  readonly bearerToken?: { readonly secret: string } | undefined
}

/** `spec.onlineCheck` of a TrustedIssuer document. */
export interface WrittenOnlineCheck {
  readonly tokenReview?: WrittenQuestion | undefined
  readonly introspection?: WrittenQuestion | undefined
  readonly maxAge?: string | undefined
}

/** Seconds. A TokenReview itself says yes for ten seconds after a pod is gone (K-2), so that less would buy little. */
const DEFAULT_MAX_AGE = 10
const MOST_MAX_AGE = 300

/** How the issuer is asked; undefined where it is not, or where that has faults. `insecure` as compileKeys() has it. */
export function compileOnlineCheck(
  written: WrittenOnlineCheck | undefined,
  insecure: ReadonlySet<string> | undefined,
  faults: Fault[],
): OnlineCheck | undefined {
  if (written === undefined) return undefined
  const before = faults.length
  const { tokenReview, introspection } = written
  const protocol = tokenReview === undefined ? 'introspection' : 'tokenReview'
  const question = tokenReview ?? introspection
  if (question === undefined || (tokenReview !== undefined && introspection !== undefined)) {
    const what = question === undefined ? 'says nothing' : 'says tokenReview and introspection'
    faults.push({
      path: 'spec.onlineCheck',
      message: `${what}, and must say exactly one of tokenReview and introspection`,
    })
    return undefined
  }
  const { url, ca, bearerToken } = question
  const path = `spec.onlineCheck.${protocol}`
  checkUrl(url, `${path}.url`, insecure, faults)
  if (ca !== undefined) checkCertificates(ca, `${path}.ca`, faults)
  const maxAge = written.maxAge === undefined ? DEFAULT_MAX_AGE : (parseDuration(written.maxAge) ?? DEFAULT_MAX_AGE)
  if (maxAge > MOST_MAX_AGE) {
    faults.push({
      path: 'spec.onlineCheck.maxAge',
      message: `${written.maxAge} is too much; for at most 5m a credential may outlive what it was given to`,
    })
  }
  if (faults.length > before) return undefined
  return Object.freeze({
    protocol,
    url,
    ...(ca === undefined ? {} : { ca }),
    ...(bearerToken === undefined ? {} : { bearerToken: bearerToken.secret }),
    maxAge,
  })
}
