import type { RoleBinding } from '../administrators/contract.ts'
import type { AnyCredentialKind } from '../credentials/contract.ts'
import { JWT_TYPE } from '../lib/token-types.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import type { Compiled } from './compile.ts'
import type { DocumentFault } from './faults.ts'

/**
 * Administrator documents that can let somebody in: enabled, of an issuer that is enabled. That the issuer exists and may
 * be used for administrators is sure of whatever compiles. None left means that the bootstrap token alone opens the door.
 */
export function workingAdministrators({ nouns }: Pick<Compiled, 'nouns'>): readonly RoleBinding[] {
  return [...nouns.administrators.values()].filter(
    ({ disabled, issuer }) => !disabled && nouns.issuers.get(issuer)?.disabled === false,
  )
}

/** Administrator documents whose trusted issuer can never let anybody in at the administrators' door. */
export function shutOut(
  bindings: Iterable<RoleBinding>,
  issuers: ReadonlyMap<string, TrustedIssuer>,
  kinds: readonly AnyCredentialKind[],
): readonly DocumentFault[] {
  return [...bindings].flatMap(({ name, issuer: named }) => {
    const issuer = issuers.get(named)
    // A reference that leads nowhere is a fault of its own.
    const message = issuer === undefined ? undefined : whyShutOut(issuer, kinds)
    return message === undefined ? [] : [{ kind: 'Administrator', name, path: 'spec.issuer', message }]
  })
}

function whyShutOut(issuer: TrustedIssuer, kinds: readonly AnyCredentialKind[]): string | undefined {
  const { name, uses, credential, singleUse, firstUse } = issuer
  if (!uses.has('administrator'))
    return `trusted issuer ${name} may not be used for administrators; add administrator to its \`uses\``
  const kind = kinds.find((each) => each.name === credential)
  if (kind?.audience === 'none' || kind?.tokenTypes.includes(JWT_TYPE) !== true)
    return `trusted issuer ${name} has credentials ${credential}, and the administrators' door takes bearer tokens that name their audience; name an issuer of credential jwt`
  // Marks are committed with the record of an exchange, and at this door there is none.
  const once = singleUse ? 'singleUse' : firstUse === 'bind' ? 'firstUse: bind' : undefined
  return once === undefined
    ? undefined
    : `trusted issuer ${name} says ${once}, and administrators send one token with many requests; write a trusted issuer without it for administrators`
}
