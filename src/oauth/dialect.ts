import type { Answer, Parameters, Snapshots } from '../exchange/contract.ts'

/** A way to ask at the token endpoint that clients are written for. */
export interface Dialect {
  /** The parameters as the standards have them. Throws Refusal. */
  read(parameters: Parameters, snapshots: Snapshots): Parameters
  /** The answer as such clients understand it. */
  say(answer: Answer): Answer
}

/** What the standards say, at `/token`. */
export const standard: Dialect = { read: (parameters) => parameters, say: (answer) => answer }
