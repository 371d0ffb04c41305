import type { Block } from './contract.ts'

/** What a block names, in words: `subject spiffe://prod.example/x`, `credential jti 7f of issuer prod`. */
export const blockedThing = ({ what, value, issuer }: Pick<Block, 'what' | 'value' | 'issuer'>): string =>
  issuer === '' ? `${what} ${value}` : `credential ${what} ${value} of issuer ${issuer}`

/** Why somebody is refused, for the administrator; never for the caller (T25). */
export const blockedBecause = (block: Block): string =>
  `${blockedThing(block)} is blocked by ${block.id}: ${block.reason}`
