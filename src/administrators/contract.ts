/**
 * administrators/ owns who may open the administrators' door: roles, and the Administrator documents that bind a role to
 * people of a trusted issuer. Whether their tokens are genuine is credentials/; what each route asks for is admin/.
 */
import type { Condition } from '../lib/cel.ts'

/** From the least to the most; each can do what the ones before it can (interfaces.md, "The administrators' door"). */
export const roles = ['viewer', 'auditor', 'editor', 'admin'] as const
export type Role = (typeof roles)[number]

/** Whether who has the one role may do what takes the other. */
export const includesRole = (had: Role, wanted: Role): boolean => roles.indexOf(had) >= roles.indexOf(wanted)

/** An Administrator document, compiled: whoever of the issuer meets the condition has the role. */
export interface RoleBinding {
  readonly name: string
  readonly disabled: boolean
  /** The name of a trusted issuer. */
  readonly issuer: string
  readonly condition: Condition
  readonly role: Role
}

/** The role bindings of one snapshot. */
export interface RoleBindings {
  /** The highest role that any enabled binding gives to whom the trusted issuer's credential is; undefined where none does. */
  roleOf(issuer: string, seen: Readonly<Record<string, unknown>>): Role | undefined
  all(): Iterable<RoleBinding>
}
