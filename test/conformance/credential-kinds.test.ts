import { describe, expect, it } from 'vitest'
import type { AnyCredentialKind } from '../../src/credentials/contract.ts'
import * as register from '../../src/credentials/kinds/index.ts'
import { jwt } from '../../src/credentials/kinds/jwt.ts'
import { authenticationMethodsOf, credentialKinds } from '../../src/credentials/look-up.ts'
import { readJwks } from '../../src/lib/jwk.ts'
import { authenticationMethods as policyMethods } from '../../src/policy/policy-schema.ts'
import type { TrustedIssuer } from '../../src/trust/contract.ts'
import { keySet } from '../../src/trust/key-set.ts'
import { Cluster, hmacToken, SigningKey } from '../harness/tokens.ts'
import { verifyTools } from '../harness/verify-tools.ts'
import { type CredentialSample, credentialKindConformance } from './credential-kind.ts'
import { certificateSamples } from './samples-certificates.ts'
import { evidenceSamples } from './samples-evidence.ts'
import { grantSamples } from './samples-grants.ts'
import { tokenSamples } from './samples-tokens.ts'

const NOW = 1_800_000_000
const US = 'https://cambist.example'

/** A sample for every kind of the register: a new kind adds one here. */
const samples: Readonly<Record<string, () => CredentialSample>> = {
  [jwt.name]: jwtSample,
  ...evidenceSamples,
  ...certificateSamples,
  ...tokenSamples,
  ...grantSamples,
}

const kinds: readonly AnyCredentialKind[] = Object.values(register)

it('every kind of the register is put to the test', () => {
  expect(kinds.map(({ name }) => name).sort()).toEqual(Object.keys(samples).sort())
})

it('a policy can demand every way in which a client may have come, and no other', () => {
  const found = ['subject_token', 'actor_token', 'assertion']
  expect([...policyMethods].sort()).toEqual([...authenticationMethodsOf(credentialKinds(kinds)), ...found].sort())
})

it('no two kinds have one name', () => {
  expect(new Set(kinds.map(({ name }) => name)).size).toBe(kinds.length)
})

describe.each(kinds.map((kind) => [kind.name, kind] as const))('credential kind %s', (name, kind) => {
  credentialKindConformance(kind, samples[name] ?? jwtSample)
})

const cluster = new Cluster({ audience: US, now: () => NOW })
const evil = new SigningKey('RS256')

function jwtSample(): CredentialSample {
  const token = cluster.key.sign(cluster.claims({ jti: 'one' }))
  const [header, claims, signature = ''] = token.split('.')
  const other = cluster.key.sign(cluster.claims({ sub: 'somebody else' })).split('.')
  const set = keySet(readJwks(cluster.jwks).keys)
  const issuer: TrustedIssuer = {
    name: 'cluster',
    disabled: false,
    credential: jwt.name,
    settings: jwt.settings.parse({ issuer: cluster.issuer }),
    authority: cluster.issuer,
    lookUp: [cluster.issuer],
    variables: ['assertion', 'header'],
    tokenTypes: jwt.tokenTypes,
    keys: { from: 'inline', keys: set.keys },
    keyUse: 'sig',
    maxStale: 3600,
    audiences: [US],
    multipleAudiences: false,
    uses: new Set(['subject'] as const),
    act: 'refuse',
    maxLifetime: 86_400,
    maxAge: 86_400,
    clockSkew: 30,
    singleUse: false,
    firstUse: 'any',
    tenant: undefined,
    conditions: [],
    subject: { source: 'assertion.sub', value: () => '' } as unknown as TrustedIssuer['subject'],
    instance: undefined,
    attributes: [],
  }
  return {
    token,
    issuer,
    tools: verifyTools({ now: NOW, keys: set.keys }),
    expected: {
      uri: undefined,
      useId: 'one',
      keyProven: false,
      audiences: [US],
      expiresAt: NOW + 3600,
      mayAct: undefined,
    },
    tampered: [
      ['other claims under its signature', `${header}.${other[1]}.${signature}`, ['signature_invalid']],
      ['the signature of another', `${header}.${claims}.${other[2]}`, ['signature_invalid']],
      ['a short signature', `${header}.${claims}.AAAA`, ['signature_invalid']],
      ['another key', evil.sign(cluster.claims(), { kid: cluster.key.kid }), ['signature_invalid']],
      ['an unknown key', evil.sign(cluster.claims()), ['key_unknown']],
      ['another algorithm', cluster.token({}, {}, { alg: 'PS256' }), ['algorithm_refused']],
      [
        'a secret for a key',
        hmacToken({ alg: 'HS256', kid: cluster.key.kid }, cluster.claims(), 'x'),
        ['algorithm_refused'],
      ],
    ],
  }
}
