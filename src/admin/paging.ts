import { z } from 'zod'
import { Faults } from '../lib/fault.ts'

/** How lists are asked for and answered: `{items, next}`, with an opaque cursor in `next` while there is more. */
export const limit = (most: number, usual: number) =>
  z
    .string()
    .regex(/^[1-9][0-9]{0,5}$/, `is a number from 1 to ${most}`)
    .transform(Number)
    .refine((count) => count <= most, `is ${most} at most`)
    .default(usual)

export const cursor = z.string().min(1, 'is empty').max(512, 'is not a cursor of ours').optional()

export const listOf = (item: z.ZodType) => z.object({ items: z.array(item), next: z.string().nullable() })

export const encodeCursor = (place: string): string => Buffer.from(place, 'utf8').toString('base64url')

/** Throws Faults where the text is not a cursor that matches. */
export function decodeCursor(text: string, shape: RegExp): string {
  const place = Buffer.from(text, 'base64url').toString('utf8')
  if (encodeCursor(place) === text && shape.test(place)) return place
  throw new Faults([
    { path: 'cursor', message: 'is not a cursor of this list; take it from `next` of the answer before' },
  ])
}

export const noQuery = z.strictObject({})
export const truth = z.enum(['true', 'false'], 'is true or false').transform((text) => text === 'true')

/** A moment as answers show it, RFC 3339 in UTC. */
export const moment = (milliseconds: number): string => new Date(milliseconds).toISOString()
