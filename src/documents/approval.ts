import { z } from 'zod'
import { readBySchema } from '../lib/schema.ts'
import type { Document } from './contract.ts'

/** What an Approval document comes to: changes of these kinds of documents take two people while it is in force. */
export interface Approval {
  readonly name: string
  readonly disabled: boolean
  readonly kinds: ReadonlySet<string>
}

/** What decides who may decide takes two people whichever kinds are named; switching this off does, too. */
const ALWAYS = ['TrustedIssuer', 'Administrator', 'Approval'] as const

export const approvalSchema = z.strictObject({
  disabled: z.boolean().default(false).meta({ description: 'Stands for nothing while true' }),
  kinds: z
    .array(z.string().min(1, 'is empty'))
    .default([])
    .meta({ description: `Kinds of documents, beside ${ALWAYS.join(', ')}, which are always included` }),
})

/** Throws Faults, with paths under `spec`. */
export function compileApproval(name: string, spec: unknown): Approval {
  const { disabled, kinds } = readBySchema(approvalSchema, spec, 'spec')
  return Object.freeze({ name, disabled, kinds: new Set([...ALWAYS, ...kinds]) })
}

/** The approvals that are in force among documents that have been taken. */
export const approvalsIn = (documents: readonly Document[]): readonly Approval[] =>
  documents
    .filter(({ kind }) => kind === 'Approval')
    .map(({ metadata: { name }, spec }) => compileApproval(name, spec))
    .filter(({ disabled }) => !disabled)

/** Which of the kinds take two people, and by which document. */
export function approvalNeeded(
  documents: readonly Document[],
  kinds: Iterable<string>,
): readonly { readonly kind: string; readonly by: string }[] {
  const approvals = approvalsIn(documents)
  return [...new Set(kinds)].flatMap((kind) => {
    const by = approvals.find((each) => each.kinds.has(kind))
    return by === undefined ? [] : [{ kind, by: by.name }]
  })
}
