import { Refusal } from '../refusal.ts'
import type { TrustedIssuer } from '../trust/contract.ts'
import { shown } from './jwt-checks.ts'
import { messageOf, type Seen } from './principal-of.ts'

/** Demands that the document of its issuer covers a credential: by its conditions, and by the tenants it names. Throws Refusal. */
export function checkCovered(issuer: TrustedIssuer, seen: Seen): void {
  checkConditions(issuer, seen)
  checkTenant(issuer, seen)
}

function checkConditions(issuer: TrustedIssuer, seen: Seen): void {
  for (const condition of issuer.conditions) {
    let holds: boolean
    try {
      holds = condition.test(seen)
    } catch (error) {
      throw new Refusal('condition_refused', `condition of trusted issuer ${issuer.name} failed: ${messageOf(error)}`, {
        cause: error,
      })
    }
    if (!holds)
      throw new Refusal(
        'condition_refused',
        `condition of trusted issuer ${issuer.name} is not met: ${condition.source}`,
      )
  }
}

/** Strangers share some issuers; the immutable id of the tenant keeps them apart (P-4, T21). */
function checkTenant(issuer: TrustedIssuer, seen: Seen): void {
  if (issuer.tenant === undefined) return
  const { allowed, mapping } = issuer.tenant
  let tenant: unknown
  try {
    tenant = mapping.value(seen)
  } catch (error) {
    throw new Refusal('tenant_refused', `tenant of trusted issuer ${issuer.name} cannot be read: ${messageOf(error)}`, {
      cause: error,
    })
  }
  if (typeof tenant !== 'string' || !allowed.has(tenant)) {
    throw new Refusal(
      'tenant_refused',
      `tenant ${shown(typeof tenant === 'string' ? tenant : String(tenant))} is not listed in trusted issuer ${issuer.name}`,
    )
  }
}
