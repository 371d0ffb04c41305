/** draft-ietf-oauth-client-id-metadata-document-02: not offered, so that nothing of it may happen by chance. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, expect, it } from 'vitest'
import { document, startCambist } from '../../harness/cambist.ts'
import { expectRefusal } from '../../harness/refusal.ts'
import { clientAssertion, SigningKey, TYPE } from '../../harness/tokens.ts'

const key = new SigningKey('ES256')
let fetched = 0
const host = createServer((_, response) => {
  fetched++
  response.setHeader('Content-Type', 'application/json')
  response.end(
    JSON.stringify({ client_id: url, token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [key.jwk] } }),
  )
})
await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
afterAll(() => host.close())
const url = `http://127.0.0.1:${(host.address() as AddressInfo).port}/client`
const server = await startCambist({ env: { CAMBIST_INSECURE_FETCH: new URL(url).host } })

it('CM-01, CM-02, CM-08: a client_id that is a URL is no client, and nothing is fetched for it', async () => {
  const answer = await server.exchange({
    client_id: url,
    client_assertion: clientAssertion(url, key, server.issuer, server.clock.seconds()),
    client_assertion_type: TYPE.clientAssertion,
  })
  await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'issuer_unknown' })
  expect(fetched).toBe(0)
})

it('CM-01: no Client document has a URL for its name', async () => {
  const named = document('Client', url, { authentication: { method: 'private_key_jwt', jwks: { keys: [key.jwk] } } })
  await expect(server.apply(named)).rejects.toThrow(/metadata\.name/)
})

it('CM-06: metadata does not offer it', async () => {
  const metadata = (await (await server.get('/.well-known/oauth-authorization-server')).json()) as object
  expect(metadata).not.toHaveProperty('client_id_metadata_document_supported')
})
