/**
 * The token endpoint once more, in the shape of Microsoft Entra's, for clients that know no other (MSAL, and with it
 * @azure/identity): below a tenant, with discovery there, and with one scope `RESOURCE/.default` in place of audience and
 * scopes. Behind it is the same road; who authenticates, and by what, is as everywhere. On-behalf-of, which is no exchange
 * by the standards (TE-96), is not served.
 */
import type { Parameters } from '../exchange/contract.ts'
import { CLIENT_CREDENTIALS } from '../exchange/grants.ts'
import { Refusal } from '../refusal.ts'
import type { TargetIndex } from '../targets/contract.ts'
import type { Dialect } from './dialect.ts'

export const entraPaths = (tenant: string) => ({
  metadata: `/${tenant}/v2.0/.well-known/openid-configuration`,
  token: `/${tenant}/oauth2/v2.0/token`,
})

/** Our metadata as it is read below the tenant: the issuer stays the same, and so does the audience of assertions. */
export function entraMetadata(
  { mtls_endpoint_aliases: _, ...ours }: Readonly<Record<string, unknown>>,
  endpoint: string,
): Record<string, unknown> {
  return { ...ours, token_endpoint: endpoint, grant_types_supported: [CLIENT_CREDENTIALS] }
}

const DEFAULT_SCOPES = '/.default'

/** What Entra calls a resource is our target, by its audience or by one of its resources; its default scopes are asked for. */
export const entra: Dialect = {
  read(parameters, snapshots) {
    const grant = parameters.get('grant_type')?.[0]
    if (grant !== undefined && grant !== CLIENT_CREDENTIALS)
      throw new Refusal(
        'grant_unsupported',
        `grant_type ${JSON.stringify(grant.slice(0, 120))} is not offered below a tenant`,
      )
    for (const name of ['audience', 'resource']) {
      if (parameters.has(name))
        throw new Refusal(
          'parameter_unexpected',
          `${name} has no meaning below a tenant, where the scope names the resource`,
        )
    }
    return naming(resourceOf(parameters.get('scope')?.[0] ?? ''), parameters, snapshots.current().targets)
  },

  /** Entra says no scopes. MSAL keeps a token under those that are said, and would never find it again under the one it asked for. */
  say: (answer) => (answer.granted ? { ...answer, token: { ...answer.token, scopes: [] } } : answer),
}

/** Throws Refusal `scope_unknown`, as Entra refuses whatever is not `RESOURCE/.default`. The scope is not repeated: a token may have strayed in there (I8). */
function resourceOf(scope: string): string {
  const resource = scope.slice(0, -DEFAULT_SCOPES.length)
  if (scope.endsWith(DEFAULT_SCOPES) && resource !== '' && !scope.includes(' ')) return resource
  throw new Refusal('scope_unknown', `the scope is not one resource with ${DEFAULT_SCOPES} behind it`)
}

function naming(resource: string, parameters: Parameters, targets: TargetIndex): Parameters {
  const read = new Map(parameters)
  read.delete('scope')
  const byResource = targets.byAudience(resource) === undefined && targets.byResource(resource) !== undefined
  return read.set(byResource ? 'resource' : 'audience', [resource])
}
