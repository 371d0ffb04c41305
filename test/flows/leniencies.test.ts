import { expect, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { Cluster, clientAssertion, SigningKey, TYPE } from '../harness/tokens.ts'

/** What a document lets pass that is refused elsewhere is on the record, and counted (UC-85, P-10, JC-11). */
const server = await startCambist()
const { clock, issuer: us } = server
const key = new SigningKey('ES256')
const broad = new Cluster({ issuer: 'https://broad.test.example', audience: us, now: clock.seconds })
await server.apply(
  document('TrustedIssuer', 'broad', {
    preset: 'kubernetes',
    issuer: broad.issuer,
    audiences: [us],
    keys: { jwks: broad.jwks },
    multipleAudiences: true,
  }),
  document('Client', 'edge', {
    authentication: {
      method: 'private_key_jwt',
      jwks: { keys: [key.jwk] },
      tokenEndpointAudienceUntil: '2027-06-30',
    },
  }),
  document('Policy', 'edge', {
    clients: ['edge'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)
const counted = async (): Promise<string[]> =>
  (await (await server.adminGet('/metrics')).text()).split('\n').filter((line) => line.startsWith('cambist_leniencies'))

const asEdge = (audience: string) => ({
  client_assertion_type: TYPE.clientAssertion,
  client_assertion: clientAssertion('edge', key, audience, clock.seconds()),
})

it('says nothing where nothing was lenient', async () => {
  const answer = await server.exchange({ ...asEdge(us), subject_token: broad.token() })
  expect(answer.status).toBe(200)
  expect((await server.record(answer.id))['leniencies']).toEqual([])
  expect(await counted()).toEqual([])
})

it('names each leniency with the position of its credential, and counts it', async () => {
  const answer = await server.exchange({
    ...asEdge(`${us}/token`),
    subject_token: broad.token({ aud: [us, 'https://other.example'] }),
  })
  expect(answer.status).toBe(200)
  expect((await server.record(answer.id))['leniencies']).toEqual([
    'client: token_endpoint_audience',
    'subject: multiple_audiences',
  ])
  expect((await counted()).sort()).toEqual([
    'cambist_leniencies_total{leniency="client: token_endpoint_audience"} 1',
    'cambist_leniencies_total{leniency="subject: multiple_audiences"} 1',
  ])
})
