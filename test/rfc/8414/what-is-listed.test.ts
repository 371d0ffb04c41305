import { describe, expect, it } from 'vitest'
import { startCambist } from '../../harness/cambist.ts'
import { TYPE } from '../../harness/tokens.ts'

/** Whoever builds a request of the lists of the metadata finds it read (UC-111): nothing is listed that is not answered, and nothing is left out that is. */
const server = await startCambist()
const metadata = (await (await server.get('/.well-known/oauth-authorization-server')).json()) as Readonly<
  Record<string, readonly string[]>
>
const listed = (name: string): readonly string[] => metadata[name] ?? []

describe('RFC 8414 §2: the lists of the metadata', () => {
  it('MD-04 name every grant that is answered, and no other', async () => {
    const errorOf = async (grant_type: string) => (await server.token({ grant_type })).body['error']
    expect(listed('grant_types_supported')).toEqual(
      expect.arrayContaining([TYPE.jwtBearer, TYPE.exchange, 'client_credentials']),
    )
    for (const grant of listed('grant_types_supported')) expect(await errorOf(grant)).not.toBe('unsupported_grant_type')
    for (const other of ['password', 'authorization_code', 'refresh_token', `${TYPE.jwtBearer}x`])
      expect(await errorOf(other)).toBe('unsupported_grant_type')
  })

  it('TE-101 name every type of subject token that is read, and no other', async () => {
    const reasonOf = async (subject_token_type: string) => {
      server.clock.advance(1) // refusals of strangers are recorded at a rate
      const { id } = await server.exchange({ subject_token: 'none', subject_token_type })
      return (await server.record(id))['reason']
    }
    const types = listed('cambist_subject_token_types_supported')
    expect(types).toContain(TYPE.jwt)
    for (const type of types) expect([type, await reasonOf(type)]).not.toEqual([type, 'token_type_unsupported'])
    expect(await reasonOf('urn:ietf:params:oauth:token-type:saml2')).toBe('token_type_unsupported')
  })
})
