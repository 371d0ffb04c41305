import { describe, expect, it } from 'vitest'
import { formats } from '../../../src/app.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { compileTrustedIssuer } from '../../../src/trust/trusted-issuer.ts'

const compile = (typ: readonly string[]) =>
  compileTrustedIssuer(
    'prod',
    {
      credential: 'jwt',
      issuer: 'https://issuer.example',
      audiences: ['https://cambist.example'],
      keys: { discovery: true },
      typ,
    },
    { kinds: formats.credentialKinds, ourIssuer: 'https://cambist.example' },
  )

/** P-14, S-63: a document cannot have proofs, or credentials that are nothing without a key, pass for a platform's tokens. */
describe('typ of a jwt issuer', () => {
  it.each([
    'wit+jwt',
    'application/WIT+jwt',
    'wpt+jwt',
    'DPoP+jwt',
    'client-authentication+jwt',
    'oauth-client-attestation+jwt',
    'oauth-client-attestation-pop+jwt',
    'secevent+jwt',
    'statuslist+jwt',
  ])('is never %s', (typ) => {
    try {
      compile(['JWT', typ])
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(Faults)
      const { faults } = error as Faults
      expect(faults.map(({ path }) => path)).toEqual(['spec.typ[1]'])
      expect(faults[0]?.message).toContain(`${JSON.stringify(typ)} is the type of a proof or of another credential`)
    }
  })

  it.each([[''], ['JWT'], ['at+jwt'], ['authorization-grant+jwt']])('may be %j', (typ) => {
    expect(compile([typ]).settings).toMatchObject({ typ: new Set([typ.toLowerCase()]) })
  })
})
