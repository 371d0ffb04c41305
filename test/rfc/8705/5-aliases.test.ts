import { describe, expect, it } from 'vitest'
import { startCambist } from '../../harness/cambist.ts'
import { byTls } from '../../harness/certificates.ts'
import { createRoot } from '../../harness/pki.ts'
import { sha256 } from '../../harness/proofs.ts'
import { decode } from '../../harness/tokens.ts'

/** RFC 8705 §5: endpoints at the place where client certificates are asked for. */
const root = await createRoot()
const own = await root.leaf({ ips: ['127.0.0.1'] })
const shown = await root.leaf()
const server = await startCambist({ mtls: { cert: own.chainPem(), key: own.keyPem } })
const metadata = async () =>
  (await (await server.get('/.well-known/oauth-authorization-server')).json()) as Record<string, unknown>

describe('mtls_endpoint_aliases (CB-07)', () => {
  it('CB-07: has every endpoint that takes client authentication, at the alias, and nothing else', async () => {
    const said = await metadata()
    const endpoints = Object.entries(said).filter(
      ([name]) => name.endsWith('_endpoint') && name !== 'authorization_endpoint',
    )
    expect(said['mtls_endpoint_aliases']).toEqual(
      Object.fromEntries(endpoints.map(([name, url]) => [name, String(url).replace(server.issuer, server.mtls)])),
    )
    expect(Object.keys(said['mtls_endpoint_aliases'] as object)).toContain('token_endpoint')
  })

  it('CB-06, CB-07: the alias binds what it issues to the certificate, and the issuer’s own URL asks for none', async () => {
    const bound = await byTls(server, shown, {})
    expect(decode(String(bound.body['access_token'])).claims).toMatchObject({
      iss: server.issuer,
      cnf: { 'x5t#S256': sha256(shown.der) },
    })
    for (const answer of [await byTls(server, undefined, {}), await server.exchange()])
      expect(decode(String(answer.body['access_token'])).claims).not.toHaveProperty('cnf')
    expect(await metadata()).toMatchObject({ tls_client_certificate_bound_access_tokens: true })
  })
})
