import { z } from 'zod'
import { parseJsonObjectText } from '../lib/json.ts'
import { Problem } from './problem.ts'

/** A name or a sentence in a body: one line, and not an empty one. */
export const line = z
  .string({ error: ({ input }) => (input === undefined ? 'is missing; write a text' : 'is a text') })
  .min(1, 'is empty')
  .max(2048, 'has more than 2048 characters')
  .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'is one line')

/** The body, which must be one JSON object without a member said twice. Rejects with Problem 400 that shows what to send. */
export async function jsonObject(body: () => Promise<{ readonly text: string }>, example: string): Promise<unknown> {
  const value = parseJsonObjectText((await body()).text)
  if (value === undefined) throw new Problem(400, `The body is not a JSON object; send such as ${example}.`)
  return value
}
