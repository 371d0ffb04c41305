import type { Principal } from '../identity/principal.ts'
import { attributeText, type Unselected, unselected } from '../identity/selector.ts'
import type { Failing } from './contract.ts'
import type { Party, Policy } from './policy.ts'

/** What keeps a principal from being the party that a rule is about: its issuer, a bare id that nobody vouches for, or what it is selected by. */
type PartyFault = 'issuers' | 'unvouched' | Unselected

/**
 * Ids without issuers mean workloads whose id their kind of credential vouches for. Any issuer may write a SPIFFE ID into
 * `sub`, and is not permitted anything by it (T1).
 */
export function partyFault(party: Party, principal: Principal, effect: Policy['effect']): PartyFault | undefined {
  if (party.issuers !== undefined) {
    if (!party.issuers.has(principal.issuer)) return 'issuers'
  } else if (party.ids !== undefined && effect === 'permit' && principal.id !== principal.subject) return 'unvouched'
  return unselected(party, principal)
}

/** The part of a rule's `subject` or `actor` that is about others than this principal, in words. */
export function describeParty(
  of: 'subject' | 'actor',
  party: Party | undefined,
  principal: Principal | undefined,
  effect: Policy['effect'],
): Failing {
  if (principal === undefined)
    return {
      path: `spec.${of}`,
      why: `it is about an ${of}, and nobody acts for the subject here`,
      saw: { [of]: null },
    }
  const fault = party === undefined ? undefined : partyFault(party, principal, effect)
  const saw = { [`${of}.issuer`]: principal.issuer, [`${of}.subject`]: principal.subject }
  switch (fault) {
    case undefined:
    case 'issuers':
      return {
        path: `spec.${of}.issuers`,
        why: `it is about ${of}s of ${[...(party?.issuers ?? [])].join(' or ')}, and this one is of ${principal.issuer}`,
        saw,
      }
    case 'unvouched':
      return {
        path: `spec.${of}.issuers`,
        why: `its ids mean workloads whose credentials vouch for such an id, and ${principal.issuer} only writes it; name the issuer beside the ids`,
        saw: { ...saw, [`${of}.id`]: principal.id },
      }
    case 'ids':
      return { path: `spec.${of}.ids`, why: `its ids do not name ${principal.subject} of ${principal.issuer}`, saw }
    default:
      return describeAttribute(of, fault, principal)
  }
}

function describeAttribute(
  of: string,
  [attribute, patterns]: Exclude<Unselected, 'ids'>,
  principal: Principal,
): Failing {
  const value = attributeText(principal, attribute)
  const has = Object.hasOwn(principal.attributes, attribute)
  const wanted = patterns.map(({ source }) => source).join(' or ')
  const found = value !== undefined ? `${value}` : has ? 'no text, which only a condition can look into' : 'absent'
  return {
    path: `spec.${of}.match.${attribute}`,
    why: `it is about ${of}s whose ${attribute} is ${wanted}, and this one's is ${found}`,
    saw: { [`${of}.${attribute}`]: principal.attributes[attribute] ?? null },
  }
}
