/** A bundle in a file, from CAMBIST_BUNDLES_DIR to the road: what it takes back is gone without anybody asking (S-71). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { formats } from '../../src/app.ts'
import type { AnyCredentialKind } from '../../src/credentials/contract.ts'
import { jwt } from '../../src/credentials/kinds/jwt.ts'
import type { CredentialKindForm } from '../../src/trust/trusted-issuer-schema.ts'
import { baseDocuments, document, startCambist } from '../harness/cambist.ts'

const directory = mkdtempSync(join(tmpdir(), 'cambist-bundles-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const write = (bundle: object) => writeFileSync(join(directory, 'prod.json'), JSON.stringify(bundle))

/** A kind that differs from `jwt` in nothing but where its keys are. */
const bundled: AnyCredentialKind & CredentialKindForm = {
  ...(jwt as AnyCredentialKind),
  ...{ name: 'bundled', keyUse: 'jwt-svid', sources: ['bundle'] },
}

const server = await startCambist({
  env: { CAMBIST_BUNDLES_DIR: directory },
  formats: { ...formats, credentialKinds: [...formats.credentialKinds, bundled] },
})
const { cluster, clock } = server
const keys = cluster.jwks.keys.map((key) => ({ ...key, use: 'jwt-svid' }))
const told = async (outcome: string) =>
  (await (await server.adminGet('/metrics')).text()).includes(`{issuer="cluster",outcome="${outcome}"} 1`)

it('a bundle that is emptied voids its domain, and one with keys restores it', async () => {
  write({ keys, spiffe_sequence: 1 })
  const [, ...others] = baseDocuments(cluster)
  const issuer = { credential: 'bundled', issuer: cluster.issuer, audiences: [cluster.audience] }
  await server.apply(
    document('TrustedIssuer', 'cluster', {
      ...issuer,
      keys: { bundle: { file: 'prod.json' } },
      attributes: {
        namespace: "assertion['kubernetes.io'].namespace",
        serviceaccount: "assertion['kubernetes.io'].serviceaccount.name",
      },
    }),
    ...others,
  )
  await vi.waitFor(async () => expect((await server.exchange()).status).toBe(200), { timeout: 5000 })

  write({ keys: [], spiffe_sequence: 2 })
  clock.advance(10)
  await vi.waitFor(async () => expect(await told('voided')).toBe(true), { timeout: 5000, interval: 20 })
  const refused = await server.exchange()
  expect(refused.status).toBe(400)
  expect(await server.record(refused.id)).toMatchObject({ reason: 'key_unknown' })

  write({ keys, spiffe_sequence: 3 })
  clock.advance(10)
  await vi.waitFor(async () => expect((await server.exchange()).status).toBe(200), { timeout: 5000, interval: 20 })
})
