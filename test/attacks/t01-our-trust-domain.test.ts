import { generateKeyPairSync } from 'node:crypto'
import { expect, it } from 'vitest'
import { wit } from '../../src/credentials/kinds/index.ts'
import { canonicalId } from '../../src/identity/principal.ts'
import { parseWorkloadId } from '../../src/identity/spiffe-id.ts'
import { Faults } from '../../src/lib/fault.ts'
import { compileTrustedIssuer } from '../../src/trust/trusted-issuer.ts'

const OURS = 'cambist.example'
const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
const compile = (settings: object) =>
  compileTrustedIssuer(
    'partner',
    { credential: 'wit', keys: { jwks: { keys: [{ ...jwk, kid: 'a' }] } }, ...settings },
    { kinds: [wit], ourIssuer: `https://${OURS}`, ourTrustDomain: OURS },
  )

it('T1: no issuer has our own trust domain under the scheme wimse, where ids of all other issuers are', () => {
  const id = canonicalId(OURS, 'prod', 'system:serviceaccount:shop:checkout')
  expect(parseWorkloadId(id)?.origin, 'a WIT of such an issuer could have it as its sub').toBe(`wimse://${OURS}`)

  expect(compile({ scheme: 'wimse', trustDomain: 'partner.example' }).authority).toBe('wimse://partner.example')
  expect(compile({ scheme: 'spiffe', trustDomain: OURS }).authority).toBe(`spiffe://${OURS}`)
  expect(() => compile({ scheme: 'wimse', trustDomain: OURS })).toThrow(Faults)
  try {
    compile({ scheme: 'wimse', trustDomain: OURS })
  } catch (error) {
    expect((error as Faults).faults.map(({ path }) => path)).toEqual(['spec.trustDomain'])
  }
})
