import type { Parameters } from '../exchange/contract.ts'
import type { TargetIndex } from '../targets/contract.ts'

/** A way to ask at the token endpoint that clients are written for: how the form is read, and what the answer says. */
export interface Dialect {
  /** The parameters as the standards have them. Throws Refusal. */
  read(parameters: Parameters, targets: () => TargetIndex): Parameters
  /** Whether the answer says which scopes are granted. */
  readonly saysScope: boolean
}

/** What the standards say, at `/token`. */
export const standard: Dialect = { read: (parameters) => parameters, saysScope: true }
