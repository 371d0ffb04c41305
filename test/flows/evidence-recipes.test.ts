/** The pages for what is no JWT: their documents as they stand, but for the keys, and the record as they say it reads. */
import { afterAll, describe, expect, it } from 'vitest'
import { formats } from '../../src/app.ts'
import { nonceFor } from '../../src/credentials/instance-evidence.ts'
import { Compiler } from '../../src/documents/compile.ts'
import { warningsOf } from '../../src/documents/warnings.ts'
import * as presets from '../../src/trust/presets/index.ts'
import { startCambist, TestClock } from '../harness/cambist.ts'
import { AzureCloud, Ec2Region } from '../harness/evidence.ts'
import { dpop, thumbprintOf } from '../harness/proofs.ts'
import { recipes } from '../harness/recipes.ts'
import { callerIdentity, callerRequest, stsHandler } from '../harness/sigv4.ts'
import { SigningKey } from '../harness/tokens.ts'
import { context } from '../unit/documents/world.ts'
import { identityFor, serve } from '../unit/trust/hostile-server.ts'

const US = 'https://cambist.example'
const clock = new TestClock()
const region = await Ec2Region.open(clock.seconds)
const cloud = await AzureCloud.open(clock.seconds)
const identity = identityFor('127.0.0.1')
const sts = await serve(stsHandler({ answer: () => ({ status: 200, body: callerIdentity() }) }), identity)
afterAll(() => sts[Symbol.asyncDispose]())
const STS = `https://127.0.0.1:${sts.port}`

const server = await startCambist({
  clock,
  env: { CAMBIST_ISSUER: US, CAMBIST_INSECURE_FETCH: `127.0.0.1:${sts.port}` },
})

/** What each kind of credential needs of a platform: its keys, and a credential of the sample. */
const platforms: Readonly<Record<string, { readonly keys: object; token(key: SigningKey): string }>> = {
  'ec2-instance-identity': { keys: { roots: region.pem }, token: () => region.document() },
  'azure-attested-data': {
    keys: { roots: cloud.root.pem, intermediates: cloud.intermediate.pem },
    token: (key) => cloud.document(nonceFor(US, thumbprintOf(key))),
  },
  'aws-caller-identity': {
    keys: { sts: STS, ca: identity.cert },
    token: () => JSON.stringify(callerRequest({ sts: STS, audience: US, now: clock.seconds() })),
  },
}

const all = recipes().filter(({ credential }) => credential !== 'jwt')

describe.each(all.map((recipe) => [recipe.issuer.metadata.name, recipe] as const))(
  'the recipe for %s',
  (_name, recipe) => {
    const { credential, documents, record: expected } = recipe
    const { keys = {}, token = () => '' } = platforms[credential] ?? {}
    const written = documents.map((each) =>
      each.kind === 'TrustedIssuer' ? { ...each, spec: { ...each.spec, keys } } : each,
    )

    it('lets the platform’s credential through, and the record reads as the page says', async () => {
      await server.apply(...written)
      const key = new SigningKey('ES256')
      const type = formats.credentialKinds.find(({ name }) => name === credential)?.tokenTypes[0]
      const answer = await server.exchange(
        { subject_token_type: type, subject_token: token(key), scope: 'orders:read' },
        { DPoP: dpop(key, { url: `${US}/token`, now: clock.seconds() }) },
      )
      const record = await server.record(answer.id)
      expect([record['reason'], record['detail']]).toEqual(['granted', ''])
      const { subject, client, rules } = record as {
        subject: { id: string; instance: string }
        client: string
        rules: string[]
      }
      const shown = { client, subject: subject.id, 'subject instance': subject.instance, rules: rules.join(' ') }
      expect(expected.size).toBeGreaterThanOrEqual(3)
      for (const [label, value] of expected) expect([label, shown[label as keyof typeof shown]]).toEqual([label, value])
    })

    it('gives lint no reason to warn', () => {
      const compiler = new Compiler({ ...context, credentialKinds: formats.credentialKinds })
      // The address of the test's STS is none of AWS's.
      expect(warningsOf(compiler.compile(written)).filter(({ path }) => path !== 'spec.keys.sts')).toEqual([])
    })

    it('says the token type that its shell sends', () => {
      const [type = ''] = formats.credentialKinds.find(({ name }) => name === credential)?.tokenTypes ?? []
      expect(recipe.text).toContain(type)
    })
  },
)

it('there is a recipe for every preset that is for something else than JWTs', () => {
  const named = Object.values(presets).filter(({ fills }) => fills['credential'] !== 'jwt')
  expect(all.map(({ issuer }) => issuer.spec['preset']).sort()).toEqual(named.map(({ name }) => name).sort())
})
