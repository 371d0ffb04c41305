import { includesRole, type Role, type RoleBinding, type RoleBindings } from './contract.ts'

/** Finds roles by the trusted issuer that a token is of, so that no binding is tried on the claims of another. */
export function roleBindings(bindings: Iterable<RoleBinding>): RoleBindings {
  const all = Object.freeze([...bindings])
  const byIssuer: ReadonlyMap<string, readonly RoleBinding[]> = Map.groupBy(
    all.filter(({ disabled }) => !disabled),
    ({ issuer }) => issuer,
  )
  return Object.freeze({
    roleOf(issuer: string, seen: Readonly<Record<string, unknown>>) {
      let highest: Role | undefined
      for (const { role, condition } of byIssuer.get(issuer) ?? []) {
        if (highest !== undefined && includesRole(highest, role)) continue
        if (holds(condition, seen)) highest = role
      }
      return highest
    },
    all: () => all,
  })
}

/** A condition that fails gives no role (interfaces.md, "Errors in conditions"). */
function holds(condition: RoleBinding['condition'], seen: Readonly<Record<string, unknown>>): boolean {
  try {
    return condition.test(seen)
  } catch {
    return false
  }
}
