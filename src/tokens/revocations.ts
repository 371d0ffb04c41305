import type { OwnToken } from '../credentials/contract.ts'

/** By what a revocation names tokens of ours. */
export const revocable = ['jti', 'tokenHash', 'lineage', 'client', 'subject'] as const
export type Revocable = (typeof revocable)[number]

/**
 * What has this counts no longer: the token that `jti` or `tokenHash` names, whatever stands in a `lineage`, and the tokens of
 * a `client` or a `subject` that were issued up to `at`. `subject` is the `sub` that tokens carry. Seconds since the epoch.
 */
export interface Revocation {
  readonly what: Revocable
  readonly value: string
  readonly at: number
  /** When the last token that it can mean has expired. */
  readonly until: number
  readonly reason: string
  readonly author: string
}

/** What names tokens that will be issued, too: only those of before are meant. A lineage has none, since each is made from one that is revoked. */
export const GOES_ON: ReadonlySet<Revocable> = new Set<Revocable>(['client', 'subject'])

/** Why a token counts no longer, in a sentence for the administrator; undefined where it does. */
export type Revoked = (token: OwnToken, tokenHash: string, subject: string) => string | undefined

/** The judgement by a set of revocations: map look-ups only, however many there are. */
export function revokedBy(revocations: readonly Revocation[]): Revoked {
  if (revocations.length === 0) return () => undefined
  const byName = new Map(revocations.map((one) => [nameOf(one.what, one.value), one]))
  return ({ id, client, lineage, issuedAt }, tokenHash, subject) => {
    const names: Readonly<Record<Revocable, string>> = { jti: id, tokenHash, lineage, client, subject }
    for (const what of revocable) {
      const found = byName.get(nameOf(what, names[what]))
      if (found !== undefined && (!GOES_ON.has(what) || issuedAt <= found.at))
        return `the tokens of ${what} ${names[what]} were revoked: ${found.reason}`
    }
    return undefined
  }
}

/** What a revocation is told from others by. */
export const nameOf = (what: Revocable, value: string): string => `${what}:${value}`
