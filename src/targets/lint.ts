import { formatDuration } from '../lib/duration.ts'
import type { Fault } from '../lib/fault.ts'
import type { Target } from './contract.ts'

/** Seconds: a stolen token is good for this long at most, and so is a forged one after its key is gone (T39). */
const LONG_LIFE = 900
/** Seconds: a transaction token is good for one request and what that sets off (TX-05). */
const LONG_TRANSACTION = 300

/** Kinds of tokens that a client takes to another authorization server, which knows it by a name of its own. */
const GRANTS: ReadonlySet<string> = new Set(['authorization-grant', 'id-jag'])

/** What is allowed but doubtful in a Target: the path and a sentence. */
export function lintTarget(target: Target): readonly Fault[] {
  const warnings: Fault[] = []
  for (const [index, { kind, lifetime, settings, algorithm }] of target.tokens.entries()) {
    const path = `spec.tokens[${index}]`
    const limit = kind === 'transaction-token' ? LONG_TRANSACTION : LONG_LIFE
    if (lifetime > limit) {
      warnings.push({
        path: `${path}.lifetime`,
        message: `a token that lives ${formatDuration(lifetime)} is good for that long in a thief's hands; ${formatDuration(limit)} is the usual limit, since a workload can ask again at any time`,
      })
    }
    if (kind === 'access-token' && settings['typ'] === 'JWT') {
      warnings.push({
        path: `${path}.typ`,
        message:
          'with typ JWT nothing in the header tells an access token from any other JWT, so that one can be taken for the other (RFC 9068 §2.1, RFC 8725 §3.11); keep it to relying parties that refuse at+jwt',
      })
    }
    if (algorithm === 'EdDSA' || algorithm === 'Ed25519') {
      warnings.push({
        path: `${path}.algorithm`,
        message:
          'many common verifiers know no Ed25519, and some fail on a key set that has such a key; ES256 is understood by all',
      })
    }
  }
  const grant = target.tokens.find(({ kind }) => GRANTS.has(kind))
  if (grant !== undefined && target.clientIds.size === 0)
    warnings.push({
      path: 'spec.clientIds',
      message: `is missing, so that an ${grant.kind} names our clients to the peer as they are called here, and one there may have the same name by chance; say what the peer calls each`,
    })
  return warnings
}
