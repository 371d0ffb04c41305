import { describe, it } from 'vitest'
import { document, startCambist } from '../harness/cambist.ts'
import { refusal } from '../harness/refusal.ts'
import { clientAssertion, SigningKey, segment, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const registered = new SigningKey('ES256')
await server.apply(
  document('Client', 'registered', { authentication: { method: 'private_key_jwt', jwks: { keys: [registered.jwk] } } }),
)

const WORDS = ['none', 'None', 'NONE', 'nONE', 'noné', ' none', 'none\u0009', '', 'null']

describe('T3 alg: none (JB-01, JV-02)', () => {
  describe.each(WORDS)('the word %j', (alg) => {
    it('is refused under the signature of the right key', async () => {
      await refusal(server, { subject_token: cluster.token({}, {}, { alg }) }, 'algorithm_refused')
    })

    it('is refused without a signature, in one spelling and the other', async () => {
      const unsigned = `${segment({ alg })}.${segment(cluster.claims())}`
      for (const token of [unsigned, `${unsigned}.`, `${unsigned}..`, `${unsigned}.=`]) {
        await refusal(server, { subject_token: token }, 'token_malformed')
      }
      await refusal(server, { subject_token: `${unsigned}.AA` }, 'algorithm_refused')
    })
  })

  it.each([
    ['absent', undefined],
    ['null', null],
    ['a list', ['RS256']],
    ['a number', 256],
    ['an object', { alg: 'RS256' }],
    ['true', true],
  ])('refuses alg that is %s', async (_, alg) => {
    await refusal(server, { subject_token: cluster.token({}, {}, { alg }) }, 'algorithm_refused')
  })

  it('refuses a right token without its signature', async () => {
    const unsigned = cluster.token().replace(/[^.]*$/, '')
    await refusal(server, { subject_token: unsigned }, 'token_malformed')
    await refusal(server, { subject_token: unsigned.slice(0, -1) }, 'token_malformed')
    await refusal(server, { subject_token: `${unsigned}AA` }, 'signature_invalid')
    await refusal(server, { subject_token: `${unsigned}${'A'.repeat(342)}` }, 'signature_invalid')
  })

  it('refuses an unsigned actor token and an unsigned client assertion as it does a subject token', async () => {
    const actor = `${segment({ alg: 'none' })}.${segment(cluster.claims())}.AA`
    await refusal(server, { actor_token: actor, actor_token_type: TYPE.jwt }, 'algorithm_refused', 'actor')
    const header = segment({ alg: 'none', typ: 'client-authentication+jwt' })
    const claims = clientAssertion('registered', registered, us, clock.seconds()).split('.')[1]
    for (const [signature, reason] of [
      ['', 'token_malformed'],
      ['AA', 'algorithm_refused'],
    ] as const) {
      const assertion = `${header}.${claims}.${signature}`
      await refusal(
        server,
        { client_assertion: assertion, client_assertion_type: TYPE.clientAssertion },
        reason,
        'client',
      )
    }
  })

  it('refuses an ECDSA signature of zeros and of the order of the curve', async () => {
    const [header, claims] = clientAssertion('registered', registered, us, clock.seconds()).split('.')
    const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
    for (const signature of [
      Buffer.alloc(64),
      Buffer.concat([order, order]),
      Buffer.alloc(63),
      Buffer.alloc(65),
      Buffer.alloc(132),
    ]) {
      const assertion = `${header}.${claims}.${signature.toString('base64url')}`
      await refusal(
        server,
        { client_assertion: assertion, client_assertion_type: TYPE.clientAssertion },
        'signature_invalid',
        'client',
      )
    }
  })
})
