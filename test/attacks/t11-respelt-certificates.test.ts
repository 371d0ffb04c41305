/** T11, T22: a certificate that ECDSA signed has another spelling, with another thumbprint and all else alike; a block means both. */
import { describe, expect, it } from 'vitest'
import { byHeader, CLIENT, first, forPod, WAYS, workload } from '../flows/certificate-world.ts'
import { der } from '../harness/der.ts'
import { type Issued, pemOf } from '../harness/pki.ts'
import { sha256 } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'

const P256_ORDER = 2n ** 256n - 2n ** 224n + 2n ** 192n - 0x4319055258e8617b0c46353d039cdaafn

/** Where the contents of the element at a place begin and end. */
function contents(bytes: Buffer, at: number): readonly [start: number, end: number] {
  const first = bytes[at + 1] ?? 0
  const size = first < 0x80 ? 0 : first & 0x7f
  const start = at + 2 + size
  return [start, start + (size === 0 ? first : bytes.readUIntBE(at + 2, size))]
}

/** The same certificate under the other signature that its authority could have made: s and n - s verify alike. */
function respelt(shown: Issued): Issued {
  const [body] = contents(shown.der, 0)
  const [, algorithm] = contents(shown.der, body)
  const [, signature] = contents(shown.der, algorithm)
  const [bits] = contents(shown.der, signature)
  const [r] = contents(shown.der, bits + 1)
  const [start, end] = contents(shown.der, contents(shown.der, r)[1])
  const other = (P256_ORDER - BigInt(`0x${shown.der.toString('hex', start, end)}`)).toString(16).padStart(64, '0')
  const s = der(0x02, Buffer.from(/^[89a-f]/.test(other) ? `00${other}` : other, 'hex'))
  const twin = der(0x03, Buffer.of(0), der(0x30, shown.der.subarray(r, contents(shown.der, r)[1]), s))
  const bytes = der(0x30, shown.der.subarray(body, signature), twin)
  const chain = [bytes, ...shown.chain().slice(1)]
  return { ...shown, der: bytes, pem: pemOf(bytes), chain: () => chain, chainPem: () => chain.map(pemOf).join('') }
}

const blocked = { ...CLIENT, reason: 'blocked' } as const

describe('a block on a certificate', () => {
  it.each(Object.entries(WAYS).slice(0, 2))('by its thumbprint means its other spelling, too: %s', async (_, way) => {
    const shown = await workload('svc')
    const other = respelt(shown)
    expect(sha256(other.der)).not.toBe(sha256(shown.der))
    for (const each of [shown, other]) expect((await way.present(each, forPod())).status).toBe(200)
    for (const [named, escaped] of [
      [shown, other],
      [other, shown],
    ] as const) {
      const match = { key: sha256(named.der) }
      const { json } = await first.adminSend('POST', '/admin/v1/blocks', { match, reason: 'stolen' })
      for (const each of [named, escaped]) await expectRefusal(first, await way.present(each, forPod()), blocked)
      await first.adminSend('DELETE', `/admin/v1/blocks/${(json as { block: { id: string } }).block.id}`)
    }
  })

  it('by what the record names it means its other spelling, too', async () => {
    const shown = await workload('svc')
    const match = { issuer: 'prod', jti: sha256(shown.der) }
    await first.adminSend('POST', '/admin/v1/blocks', { match, reason: 'stolen' })
    for (const each of [shown, respelt(shown)])
      await expectRefusal(first, await byHeader.present(each, forPod()), blocked)
  })
})
