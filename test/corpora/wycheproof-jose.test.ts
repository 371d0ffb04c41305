import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { jwt } from '../../src/credentials/kinds/jwt.ts'
import { algorithms } from '../../src/lib/algorithms.ts'
import { readJwk } from '../../src/lib/jwk.ts'
import { isCanonicalBase64url } from '../../src/lib/jws.ts'
import { type Reason, Refusal } from '../../src/refusal.ts'
import type { TrustedIssuer } from '../../src/trust/contract.ts'
import { baseDocuments, document, type Form, startCambist, type TestServer } from '../harness/cambist.ts'
import { corpus } from '../harness/corpora.ts'
import { segment, TYPE } from '../harness/tokens.ts'
import { verifyTools } from '../harness/verify-tools.ts'

interface Row {
  readonly tcId: number
  readonly comment: string
  readonly jws?: string
  readonly jwe?: string
  readonly result: 'valid' | 'invalid' | 'acceptable'
}
interface Group {
  readonly comment: string
  readonly public?: Record<string, unknown>
  readonly private?: Record<string, unknown>
  readonly tests: readonly Row[]
}

const directory = corpus('wycheproof-jose')
const groupsOf = (file: string): readonly Group[] =>
  directory === undefined
    ? []
    : (JSON.parse(readFileSync(join(directory, file), 'utf8')) as { testGroups: Group[] }).testGroups
const signatures = groupsOf('json_web_signature_test.json')
const encryptions = groupsOf('json_web_encryption_test.json')

/** The corpus names the P-521 algorithm ES521 in its keys, which is no algorithm: written as it should be, they are tested too. */
const mended = ({ alg, ...jwk }: Record<string, unknown>) => ({
  ...jwk,
  ...(alg === undefined ? {} : { alg: alg === 'ES521' ? 'ES512' : alg }),
})

const NOW = 1_800_000_000
const CLAIMS = { iss: 'https://wycheproof.example', sub: 'x', aud: 'us', iat: NOW, exp: NOW + 60 }

/** The verdict of the kind over the row's header, signature and signed text, with claims that are in order. */
async function verdict(group: Group, jws: string): Promise<Reason | 'accepted' | 'key refused'> {
  const reading = readJwk(mended(group.public ?? {}))
  if ('fault' in reading) return 'key refused'
  const { key } = reading
  const issuer = {
    ...{ name: 'wycheproof', disabled: false, credential: 'jwt', authority: CLAIMS.iss, audiences: ['us'] },
    settings: { issuer: CLAIMS.iss, algorithms: new Set(algorithms.keys()), typ: new Set(['', 'jwt']) },
    ...{ maxLifetime: 3600, maxAge: 3600, clockSkew: 30 },
  } as unknown as TrustedIssuer<{ issuer: string; algorithms: Set<string>; typ: Set<string> }>
  const [header = '', payload = '', signature = ''] = jws.split('.')
  try {
    // The payloads are no claims: the spelling of each segment is read in its own place.
    if (jws.split('.').length !== 3 || !/^[A-Za-z0-9_-]*$/.test(payload) || !isCanonicalBase64url(payload))
      return 'token_malformed'
    const reading = jwt.read(`${header}.${segment(CLAIMS)}.${signature}`)
    await jwt.verify(
      { ...reading, signingInput: `${header}.${payload}` },
      issuer,
      verifyTools({ now: NOW, audiences: ['us'], keys: [key] }),
    )
    return 'accepted'
  } catch (error) {
    if (error instanceof Refusal) return error.reason
    throw error
  }
}

const OF_SPELLING_OR_SIGNATURE: readonly string[] = [
  'token_malformed',
  'algorithm_refused',
  'key_unknown',
  'signature_invalid',
  'key refused',
]
const rowsOf = (groups: readonly Group[]) => groups.flatMap((group) => group.tests.map((row) => ({ group, row })))
const publicGroups = signatures.filter((group) => group.public !== undefined)

describe.skipIf(directory === undefined)('Wycheproof signatures', () => {
  it('are all here', () => {
    expect(rowsOf(signatures)).toHaveLength(401)
    expect(rowsOf(publicGroups).length).toBeGreaterThan(300)
  })

  it('have keys that are fit but for those that are for encryption', () => {
    const unfit = publicGroups.filter((group) => 'fault' in readJwk(mended(group.public ?? {})))
    expect(new Set(unfit.map(({ comment }) => comment))).toEqual(new Set(['rsa_encryption', 'ec_key_for_encryption']))
  })

  it('are verified exactly where they are valid', async () => {
    const wrong: unknown[] = []
    let accepted = 0
    for (const { group, row } of rowsOf(publicGroups)) {
      const reason = await verdict(group, row.jws ?? '')
      if (reason === 'accepted') accepted++
      // Figure 20 signs with PS384 by a key that is written for another algorithm: one key, one algorithm (JV-02).
      if (row.comment === 'Figure20') {
        expect(reason).toBe('key_unknown')
        continue
      }
      const right = row.result === 'valid' ? reason === 'accepted' : OF_SPELLING_OR_SIGNATURE.includes(reason)
      if (!right) wrong.push([row.tcId, row.comment, row.result, reason])
    }
    expect(wrong).toEqual([])
    expect(accepted).toBeGreaterThan(30)
  })

  it.each([360, 365, 367, 368, 370, 375])(
    'row %i, which a common library accepts, is refused for its spelling',
    async (id) => {
      const found = rowsOf(signatures).find(({ row }) => row.tcId === id)
      expect(() => jwt.read(found?.row.jws ?? '')).toThrow(/token_malformed/)
    },
  )
})

describe.skipIf(directory === undefined)('Wycheproof over HTTP', () => {
  let server: TestServer
  const names = new Map(signatures.map((group, index) => [group, `wycheproof-${index}`]))
  const usable = publicGroups.filter((group) => 'key' in readJwk(mended(group.public ?? {})))
  const thumbprint = (group: Group) => {
    const reading = readJwk(mended(group.public ?? {}))
    return 'key' in reading ? reading.key.thumbprint : ''
  }
  /** No two clients may have one key (T17), and some groups do. */
  const first = (group: Group) => usable.find((other) => thumbprint(other) === thumbprint(group)) === group

  beforeAll(async () => {
    server = await startCambist()
    await server.apply(
      ...baseDocuments(server.cluster),
      ...usable.flatMap((group) => {
        const name = names.get(group) ?? ''
        const jwks = { keys: [mended(group.public ?? {})] }
        return [
          document('TrustedIssuer', name, {
            credential: 'jwt',
            issuer: `https://${name}.example`,
            audiences: [server.issuer],
            algorithms: [...algorithms.keys()],
            keys: { jwks },
          }),
          ...(first(group) ? [document('Client', name, { authentication: { method: 'private_key_jwt', jwks } })] : []),
        ]
      }),
    )
  })

  it('installs no key that is a secret', async () => {
    const secret = signatures.filter((group) => group.private?.['kty'] === 'oct')
    expect(secret.length).toBeGreaterThan(3)
    for (const group of secret) {
      const jwks = { keys: [group.private ?? {}] }
      const issuer = document('TrustedIssuer', 'secret', {
        credential: 'jwt',
        issuer: 'https://secret.example',
        audiences: [server.issuer],
        keys: { jwks },
      })
      await expect(server.apply(issuer)).rejects.toThrow(/spec\.keys\.jwks/)
      await expect(
        server.apply(document('Client', 'secret', { authentication: { method: 'private_key_jwt', jwks } })),
      ).rejects.toThrow(/jwks/)
    }
  })

  it.each([
    ['signatures', rowsOf(signatures).map(({ row }) => row.jws ?? '')],
    ['encryptions', rowsOf(encryptions).map(({ row }) => row.jwe ?? '')],
  ] as const)('refuses all %s as subject token and as client assertion', async (_, tokens) => {
    // A row without a single character is a parameter without a value, and so an absent one (TE-15).
    const forms = tokens
      .filter((token) => token !== '')
      .flatMap((token): Form[] => [
        { subject_token: token },
        { client_assertion: token, client_assertion_type: TYPE.clientAssertion },
      ])
    const answers: { id: string; status: number; ms: number }[] = []
    for (let at = 0; at < forms.length; at += 16) {
      const sent = forms.slice(at, at + 16).map(async (form) => {
        const began = performance.now()
        const { id, status } = await server.exchange(form)
        return { id, status, ms: performance.now() - began }
      })
      answers.push(...(await Promise.all(sent)))
      server.clock.advance(4)
    }
    expect(
      answers.flatMap(({ status }, index) =>
        status === (index % 2 === 0 ? 400 : 401) ? [] : [[status, forms[index]]],
      ),
    ).toEqual([])
    expect(answers.filter(({ ms }) => ms > 1000)).toEqual([])
    const reasons = await server.database.query<{ reason: string; n: string }>(
      'SELECT reason, count(*) AS n FROM cambist.records WHERE id = ANY($1) GROUP BY reason',
      [answers.map(({ id }) => id)],
    )
    expect(reasons).toEqual([{ reason: 'token_malformed', n: String(forms.length) }])
    expect((await server.exchange()).status).toBe(200)
  })
})
