import { expect, it } from 'vitest'
import { warningsOf } from '../../../src/documents/warnings.ts'
import { compiler, document, whole } from './world.ts'

const MANY = 10_000

/** Ten thousand documents that name nothing that an index could go by: lint stands on the road of every apply. */
it.each([
  [
    'rules about everybody everywhere',
    Array.from({ length: MANY }, (_, index) =>
      document('Policy', `r${index}`, { clients: ['*'], targets: ['*'], condition: `request.time > ${index}` }),
    ),
  ],
  [
    'clients by patterns alone',
    Array.from({ length: MANY }, (_, index) =>
      document('Client', `c${index}`, { workloads: [{ issuer: 'prod', ids: [`ns/n${index}/*`] }] }),
    ),
  ],
])('goes through %s without comparing each with each', (_, many) => {
  const compiled = compiler().compile([...whole, ...many])
  const began = performance.now()
  expect(warningsOf(compiled).length).toBeGreaterThan(0)
  // Each with each would be a hundred million comparisons, and minutes.
  expect(performance.now() - began).toBeLessThan(15_000)
})
