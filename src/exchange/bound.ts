import type { Possession } from '../credentials/contract.ts'
import type { Identified } from '../credentials/identify.ts'

/** How what is issued on a request is bound. */
export type Bound = Pick<Possession, 'binding' | 'confirmation' | 'provenKey'>

/**
 * By what the request proves; but by the key that a grant asks for, where one does: who brings it may hold another, and it
 * is the holder of that one who is to use the token (IC-32).
 */
export function boundBy(possession: Possession, { grant }: Pick<Identified, 'grant'>): Bound {
  const confirmation = grant?.confirmation
  if (confirmation === undefined) return possession
  return { binding: 'jkt' in confirmation ? 'dpop' : 'mtls', confirmation, provenKey: undefined }
}
