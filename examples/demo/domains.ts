/** The fourth part of the tour: from one trust domain to another, by a grant that the other believes as far as its rules go. */
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { JWT_BEARER } from './credentials.ts'
import { bad, dim, expect, fact, good, json, say, step, title } from './page.ts'
import type { Cambist } from './server.ts'
import { refusalOf, Service, tokenOf } from './services.ts'
import { clientAssertion, send, type TokenAnswer, tokenRequest } from './workload.ts'
import { document, SHIPPING, type World } from './world.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
/** What the orders service is called at the partner, and how it is registered there: with a key. */
const AT_PARTNER = 'example-orders'

export interface Domains {
  readonly granted: string
  /** Reasons on the partner's record. */
  readonly refused: readonly string[]
}

/** What the administrators of the two have agreed on, each in documents of his own. */
export function documentsAtHome(partner: string): readonly object[] {
  return [
    document('Target', 'partner', {
      audience: partner,
      resources: [SHIPPING],
      scopes: ['shipments:create'],
      tokens: [{ kind: 'authorization-grant', lifetime: '60s' }],
      clientIds: { orders: AT_PARTNER },
    }),
    document('Policy', 'orders-ships-by-partner', {
      clients: ['orders'],
      targets: ['partner'],
      scopes: ['shipments:create'],
    }),
  ]
}

export function documentsAtPartner(world: World, home: string, partner: string): readonly object[] {
  return [
    document('TrustedIssuer', 'example', {
      credential: 'authorization-grant',
      issuer: home,
      audiences: [partner],
      keys: { jwksUri: `${home}/jwks`, ca: world.web.pem },
    }),
    document('Client', AT_PARTNER, {
      authentication: { method: 'private_key_jwt', jwks: { keys: [world.partnerKey.jwk] } },
      grants: ['jwt-bearer'],
    }),
    document('Target', 'shipping', { audience: SHIPPING, resources: [SHIPPING], scopes: ['shipments:create'] }),
    document('Policy', RULE, {
      clients: [AT_PARTNER],
      subject: { issuers: ['example'] },
      grants: ['jwt-bearer'],
      targets: ['shipping'],
      scopes: ['shipments:create'],
      delegation: { mode: 'delegate' },
    }),
  ]
}

const RULE = 'example-creates-shipments'

export async function domains(world: World, home: Cambist, partner: Cambist, tell: boolean): Promise<Domains> {
  const told: typeof say = (...lines) => (tell ? say(...lines) : undefined)
  const next: typeof step = (name, what) => (tell ? step(name, what) : undefined)
  const orders = new Service('orders', home)
  const ship = { scope: 'shipments:create', resource: SHIPPING }
  /** At home: what the partner will believe. */
  const grantFor = async (): Promise<string> =>
    tokenOf(await orders.ask({ ...orders.itself(), ...ship, audience: partner.issuer }), 'the grant')
  /** At the partner: the grant, and who brings it. */
  const redeem = async (assertion: string): Promise<TokenAnswer> =>
    await send(
      tokenRequest(partner.endpoint, {
        ...{ grant_type: GRANT, assertion, ...ship },
        client_assertion: await clientAssertion(world.partnerKey, AT_PARTNER, partner.issuer),
        client_assertion_type: JWT_BEARER,
      }),
    )

  if (tell) title('From one trust domain to another')
  told('The orders service must have something shipped by a partner, who runs a Cambist of his own. Nobody is')
  told('registered there but the client; who asks for what is said by a grant, and the partner’s rules decide.')

  next('At home', `a grant for ${partner.issuer} and nobody else`)
  const grant = await grantFor()
  told(json(decodeProtectedHeader(grant)), json(decodeJwt(grant)))

  next('At the partner', 'the grant is redeemed, once')
  const token = tokenOf(await redeem(grant), 'the grant at the partner')
  const keys = createRemoteJWKSet(new URL(`${partner.issuer}/jwks`))
  const { payload } = await jwtVerify(token, keys, { issuer: partner.issuer, audience: SHIPPING, typ: 'at+jwt' })
  told(json(payload), good('the shipping service verifies it with the partner’s keys'))
  told(fact('subject', `${payload.sub}: a name in the partner’s own domain, which says whose word it is`))

  next('And not', 'twice, elsewhere, or when the partner does not want it any more')
  const refused: string[] = []
  const refuse = async (what: string, answer: TokenAnswer, reason: string, at = partner): Promise<void> => {
    const row = await refusalOf(answer, reason, what, at)
    refused.push(row.reason)
    told(bad(`${what}: ${answer.body['error']}`), dim(`  the record: ${row.reason}: ${row.detail}`))
  }
  await refuse('the grant again', await redeem(grant), 'replayed')
  await refuse('a token of the partner’s for a grant', await redeem(token), 'issuer_unknown')
  await partner.administer('DELETE', `/policies/${RULE}`)
  told(dim(`DELETE /admin/v1/policies/${RULE}, at the partner`))
  await refuse('a new grant, after the rule is gone', await redeem(await grantFor()), 'denied')
  expect(decodeJwt(grant)['cambist_lineage'] === undefined, 'the grant tells the partner what is ours alone')
  return { granted: String(payload.sub), refused }
}
