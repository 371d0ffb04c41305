/** T39, JB-08: whoever has a key of ours makes what that key is for, and nothing else. */
import { createPrivateKey, sign } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { keyEncryption } from '../../src/keys/wrapping.ts'
import { brought, inquire, Services } from '../harness/inquiries.ts'
import { expectRefusal, refusal } from '../harness/refusal.ts'
import { type Claims, decode } from '../harness/tokens.ts'
import { brought as broughtTransaction, startShop } from '../harness/transactions.ts'

const keyEncryptionKeys = [Buffer.alloc(32, 9)]
const shop = await startShop([], { keyEncryptionKeys })
const { server } = shop
const services = new Services(server)
await server.apply(...services.documents())

/** The keys that sign now, as somebody has them who has got at them. */
const rows = await server.database.query<{ kid: string; use: string; wrapped: string }>(
  "SELECT kid, use, wrapped FROM cambist.signing_keys WHERE algorithm = 'ES256'",
)
const stolen = new Map(rows.map(({ use, ...row }) => [use, row]))

function signedBy(use: string, token: string, changes: Claims = {}): string {
  const { kid = '', wrapped = '' } = stolen.get(use) ?? {}
  const pkcs8 = keyEncryption(keyEncryptionKeys).unwrap(kid, wrapped)
  const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  const { header, claims } = decode(token)
  const input = [
    { ...header, kid },
    { ...claims, ...changes },
  ]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.')
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

const issued = await server.exchange({ ...services.as('web'), audience: 'https://orders.example' })
const accessToken = String(issued.body['access_token'])
const transactionToken = await shop.begin()

describe('T39 JB-08: a key of one use', () => {
  it('signs an access token if it is for those, and not if it is for transaction tokens', async () => {
    const asked = { ...services.as('orders-api'), audience: 'https://stock.example' }
    const isActive = async (token: string) =>
      (await inquire(server, '/introspect', { token, ...services.as('orders-api') })).body['active']
    const [own, foreign] = ['sig', 'txn'].map((use) => signedBy(use, accessToken, { sub: 'somebody' })) as [
      string,
      string,
    ]
    expect([await isActive(own), await isActive(foreign)]).toEqual([true, false])
    await refusal(server, { ...asked, ...brought(foreign) }, 'key_unknown')
  })

  it('signs a transaction token if it is for those, and not if it is for access tokens', async () => {
    const ask = (use: string) =>
      shop.ask('orders', broughtTransaction(signedBy(use, transactionToken, { sub: 'somebody' })))
    expect((await ask('txn')).status).toBe(200)
    await expectRefusal(server, await ask('sig'), { error: 'invalid_request', reason: 'key_unknown' })
  })
})
