import { expect, it } from 'vitest'
import { baseDocuments, startCambist } from '../harness/cambist.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster } = server
await server.apply(...baseDocuments(cluster))

const P256_ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

/** The same token under the other signature that its signer could have made: s and n - s verify alike. */
function respelt(token: string): string {
  const [header, payload, signature = ''] = token.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  const s = P256_ORDER - BigInt(`0x${bytes.subarray(32).toString('hex')}`)
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')])
  return `${header}.${payload}.${other.toString('base64url')}`
}

it('T11: a token that is revoked by its hash is revoked in its other spelling', async () => {
  const { body, id } = await server.exchange()
  const token = String(body['access_token'])
  const brought = (text: string) =>
    server.exchange({
      subject_token: text,
      subject_token_type: TYPE.accessToken,
      client_assertion: cluster.token(),
      client_assertion_type: TYPE.clientAssertion,
    })
  expect((await brought(respelt(token))).status).toBe(200)
  const tokenHash = (await server.record(id))['tokenHash']
  const response = await fetch(`${server.admin}/admin/v1/revocations`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${server.adminToken}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ tokenHash, reason: 'it was in a log' }),
  })
  // The token, and the one that it was exchanged for in its other spelling.
  expect([response.status, await response.json()]).toMatchObject([200, { revoked: 2 }])
  for (const text of [token, respelt(token)])
    await expectRefusal(server, await brought(text), { error: 'invalid_request', reason: 'revoked' })
})
