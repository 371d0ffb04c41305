import { expect, it } from 'vitest'
import { local } from '../../../src/keys/backends/local.ts'
import { Keys } from '../../../src/keys/keyring.ts'
import { keyEncryption } from '../../../src/keys/wrapping.ts'

const keys = new Keys([local], keyEncryption([Buffer.alloc(32, 1)]))

it('signs with the first key also where the own clock is behind the one that made it', () => {
  const first = keys.create({ use: 'sig', algorithm: 'ES256' }, 100, 100)
  const successor = keys.create({ use: 'sig', algorithm: 'ES256' }, 150, 200)
  const ring = keys.open([successor, first])
  expect(ring.signer('sig', 'ES256', 97)?.kid).toBe(first.kid)
  expect(ring.signer('sig', 'ES256', 199)?.kid).toBe(first.kid)
  expect(ring.signer('sig', 'ES256', 200)?.kid).toBe(successor.kid)
})
