import { z } from 'zod'
import { type Condition, compileCondition } from '../lib/cel.ts'
import { Faults } from '../lib/fault.ts'
import { readBySchema } from '../lib/schema.ts'
import { type RoleBinding, roles } from './contract.ts'

/** The written `spec` of an Administrator document. */
export const administratorSchema = z.strictObject({
  disabled: z.boolean().optional().describe('Stands for nothing while true'),
  issuer: z
    .string({ error: ({ input }) => (input === undefined ? 'is missing; name a trusted issuer' : 'is a name') })
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is the name of a trusted issuer: lower-case letters, digits and -')
    .describe('The TrustedIssuer that vouches for its people; it says administrator in uses'),
  condition: z
    .string({
      error: ({ input }) =>
        input === undefined
          ? `is missing; say in CEL who is meant, such as "assertion.groups.exists(g, g == 'platform')"`
          : 'is a CEL expression, in quotes',
    })
    .min(1, 'is empty')
    .describe('Who is meant, in CEL: true for the claims of their tokens'),
  role: z
    .enum(roles, {
      error: ({ input }) => `${input === undefined ? 'is missing; it' : ''} is one of ${roles.join(', ')}`.trimStart(),
    })
    .describe('What they may do'),
})

/** What a condition can see: the claims and the header of the token (interfaces.md, "CEL sees"). */
export const ADMINISTRATOR_VARIABLES = ['assertion', 'header'] as const

/** An Administrator document, compiled and frozen. Throws Faults with every one. */
export function compileRoleBinding(name: string, spec: unknown): RoleBinding {
  const { issuer, condition, role, disabled = false } = readBySchema(administratorSchema, spec, 'spec')
  return Object.freeze({ name, disabled, issuer, condition: compiled(condition), role })
}

function compiled(source: string): Condition {
  try {
    return compileCondition(source, ADMINISTRATOR_VARIABLES)
  } catch (error) {
    if (!(error instanceof Faults)) throw error
    throw new Faults(error.faults.map(({ message }) => ({ path: 'spec.condition', message })))
  }
}
