import { describe, expect, it } from 'vitest'
import { type Answer, baseDocuments, document, startCambist } from '../harness/cambist.ts'
import { formOf, postLines } from '../harness/post.ts'
import { attestation, attestationPop, dpop, wpt } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { type Claims, decode, SigningKey } from '../harness/tokens.ts'
import {
  ask,
  byAttestation,
  byDpop,
  byWpt,
  type Headers,
  TrustDomain,
  witAndSignature,
  witAndWpt,
} from '../harness/workload.ts'

/** The public address is another than the one that is listened at, and both names are answered. */
const server = await startCambist({ env: { CAMBIST_ISSUER: 'https://sts.example' } })
const { clock, cluster, database, issuer: us } = server
const prod = new TrustDomain(clock.seconds)
const attester = new SigningKey('ES256')
const [holder, evil] = [new SigningKey('ES256'), new SigningKey('ES256')]
await server.apply(
  ...baseDocuments(cluster),
  ...prod.trusted(us),
  document('Client', 'svc', { workloads: [{ issuer: 'prod-wit', ids: [prod.id('svc')] }] }),
  document('Client', 'wallet', {
    authentication: { method: 'attest_jwt_client_auth', jwks: { keys: [attester.jwk] } },
  }),
  document('Policy', 'svc', {
    clients: ['svc', 'wallet'],
    targets: ['orders'],
    scopes: ['orders:read'],
    delegation: { mode: 'delegate' },
  }),
)
const token = prod.wit('svc', holder)
const attested = attestation(attester, holder, { client: 'wallet', now: clock.seconds() })
const PROOF = { status: 401, error: 'invalid_client', reason: 'proof_invalid' } as const
const DPOP = { status: 400, error: 'invalid_dpop_proof', reason: 'dpop_invalid' } as const

/** Every kind of proof: a good one with members changed, in the headers of a good request, and what is said of one that does not hold. */
const proofs: Readonly<
  Record<
    string,
    {
      readonly make: (changes?: Claims, header?: Claims, key?: SigningKey) => (body: string) => Headers
      readonly refused: typeof PROOF | typeof DPOP
      /** Where it says for whom it is. */
      readonly to: string
    }
  >
> = {
  DPoP: {
    make:
      (changes, header, key = holder) =>
      () =>
        byDpop(server, key, changes, header),
    refused: DPOP,
    to: 'htu',
  },
  WPT: {
    make:
      (changes, header, key = holder) =>
      (body) => ({
        'Workload-Identity-Token': token,
        ...byWpt(server, key, token, body, changes, header),
      }),
    refused: PROOF,
    to: 'aud',
  },
  PoP: {
    make:
      (changes, header, key = holder) =>
      () =>
        byAttestation(server, key, attested, changes, header),
    refused: PROOF,
    to: 'aud',
  },
}
const jwtProofs = Object.entries(proofs).map(([name, proof]) => [name, proof] as const)

describe.each(jwtProofs)('T16 %s', (name, { make, refused, to }) => {
  it('is taken once', async () => {
    const form = formOf(server).toString()
    const headers = make()(form)
    expect((await postLines(server, form, headers)).status).toBe(200)
    await expectRefusal(server, await postLines(server, form, headers), { ...refused, reason: 'replayed' })
    // With another signature over the same it is the same proof: ECDSA has many signatures of one text.
    const fixed = { jti: `fixed-${name}` }
    expect((await postLines(server, form, make(fixed)(form))).status).toBe(200)
    await expectRefusal(server, await postLines(server, form, make(fixed)(form)), { ...refused, reason: 'replayed' })
  })

  it('spends nobody else’s: the same jti by another key is another proof', async () => {
    if (name !== 'DPoP') return
    const fixed = { jti: 'shared' }
    for (const key of [holder, evil]) expect((await ask(server, {}, make(fixed, {}, key))).status).toBe(200)
  })

  it.each([
    'http://127.0.0.1:8400/token',
    'https://evil.example/token',
    `${us}/token/x`,
    `${us}:444/token`,
    '',
    'x',
    7,
    null,
    [us, 'x'],
  ])('for %j is refused', async (audience) => {
    await expectRefusal(server, await ask(server, {}, make({ [to]: audience })), refused)
  })

  it.each([
    ['Host', () => ({ Host: new URL(server.workloads).host })],
    ['X-Forwarded-Host', () => ({ 'X-Forwarded-Host': 'evil.example', 'X-Forwarded-Proto': 'https' })],
    ['Forwarded', () => ({ Forwarded: 'host=evil.example;proto=https' })],
  ])('for the address that %s says is refused', async (header, lines) => {
    const address = header === 'Host' ? server.workloads : 'https://evil.example'
    for (const path of ['/token', '']) {
      const form = formOf(server).toString()
      const headers = { ...make({ [to]: `${address}${path}` })(form), ...lines() }
      await expectRefusal(server, await postLines(server, form, headers), refused)
    }
  })

  it.each([
    ['of another key', {}, {}, () => evil],
    ['of no key at all', {}, { alg: 'none' }, () => holder],
    ['by a secret', {}, { alg: 'HS256' }, () => holder],
    ['of another algorithm', {}, { alg: 'ES384' }, () => holder],
    ['of another type', {}, { typ: 'JWT' }, () => holder],
    ['of no type', {}, { typ: undefined }, () => holder],
    ['without jti', { jti: undefined }, {}, () => holder],
    ['with a jti that is no text', { jti: 7 }, {}, () => holder],
    ['that is over', { exp: -61, iat: -120 }, {}, () => holder],
    ['of an hour ago', { iat: -3600, exp: -3540 }, {}, () => holder],
    ['of tomorrow', { iat: 86_400, exp: 86_460 }, {}, () => holder],
    ['with a demand to understand', {}, { crit: ['x'], x: 1 }, () => holder],
    ['with a key by URL', {}, { jku: 'https://evil.example/jwks' }, () => holder],
  ] as const)('%s is refused', async (what, changes, header, key) => {
    const dated = Object.fromEntries(
      Object.entries(changes).map(([member, value]) => [
        member,
        typeof value === 'number' && member !== 'jti' ? clock.seconds() + value : value,
      ]),
    )
    // A DPoP proof brings its own key: another is swapped in under the header of the first.
    const swapped = what === 'of another key' && name === 'DPoP' ? { jwk: publicOf(holder) } : {}
    await expectRefusal(server, await ask(server, {}, make(dated, { ...header, ...swapped }, key())), refused)
  })

  it('that is signed with another spelling is refused, and so is half of one', async () => {
    const form = formOf(server).toString()
    const headers = make()(form)
    const [field = '', value = ''] = Object.entries(headers).at(-1) ?? []
    const [, scheme = '', proof = ''] = /^(WPT )?(.*)$/.exec(value) ?? []
    const spellings = [`${proof}=`, `${proof}.`, proof.slice(0, -2), proof.replaceAll('.', '..'), `${proof},${proof}`]
    for (const spelt of [...spellings, `${proof} ${proof}`, `"${proof}"`, ''])
      await expectRefusal(server, await postLines(server, form, { ...headers, [field]: `${scheme}${spelt}` }), refused)
  })
})

describe('T16 the key of a DPoP proof', () => {
  it.each([
    ['private', () => ({ ...holder.privateJwk, kid: undefined })],
    ['secret', () => ({ kty: 'oct', k: 'AAAA' })],
    ['none', () => undefined],
    ['a text', () => 'x'],
    ['a set', () => ({ keys: [publicOf(holder)] })],
    ['off its curve', () => ({ ...publicOf(holder), y: publicOf(evil)['y'] })],
    ['for encryption', () => ({ ...publicOf(holder), use: 'enc' })],
  ])('that is %s is refused', async (_, jwk) => {
    await expectRefusal(server, await ask(server, {}, () => byDpop(server, holder, {}, { jwk: jwk() })), DPOP)
  })

  it('in another method or for another is refused', async () => {
    for (const htm of ['GET', 'post', '', undefined, ['POST']])
      await expectRefusal(server, await ask(server, {}, () => byDpop(server, holder, { htm })), DPOP)
  })

  it('makes no rows for strangers beyond the rate, since anybody can make one (T38)', async () => {
    const rows = async () =>
      Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM cambist.records'))[0]?.n)
    clock.advance(60)
    const before = await rows()
    const stranger = () => ask(server, { subject_token: evil.sign(cluster.claims()) }, () => byDpop(server, evil))
    for (let round = 0; round < 8; round++) await Promise.all(Array.from({ length: 10 }, stranger))
    expect((await rows()) - before).toBe(50)
    clock.advance(60)
  })
})

describe('T16 each header stands in one line (AB-02, AB-03, DP-02)', () => {
  const lines = (body: string): Readonly<Record<string, Record<string, string>>> => ({
    DPoP: byDpop(server, holder),
    'Workload-Identity-Token': witAndWpt(server, holder, token, body),
    Authorization: witAndWpt(server, holder, token, body),
    'OAuth-Client-Attestation': byAttestation(server, holder, attested),
    'OAuth-Client-Attestation-PoP': byAttestation(server, holder, attested),
    'Txn-Token': { ...witAndWpt(server, holder, token, body), 'Txn-Token': 'x' },
  })

  it.each([
    'DPoP',
    'Workload-Identity-Token',
    'Authorization',
    'OAuth-Client-Attestation',
    'OAuth-Client-Attestation-PoP',
    'Txn-Token',
  ])('%s', async (field) => {
    const body = formOf(server).toString()
    const refused = field === 'DPoP' ? DPOP : PROOF
    const good = lines(body)[field] ?? {}
    const value = good[field] ?? ''
    const second = field === 'DPoP' ? (byDpop(server, evil)['DPoP'] ?? '') : value
    for (const twice of [
      [value, value],
      [value, second],
      [second, value],
      ['', value],
      [value, 'x'],
      [`${value}, ${second}`],
    ]) {
      const answer = await postLines(server, body, { ...good, [field]: twice })
      // An empty line before the scheme is a scheme that nobody offers.
      const first =
        field === 'Authorization' && twice[0] === '' ? { ...PROOF, reason: 'authentication_scheme' as const } : refused
      await expectRefusal(server, answer, first)
    }
  })

  it('Authorization has WPT and nothing beside it (W-40, W-48)', async () => {
    const body = formOf(server).toString()
    const { Authorization = '', ...others } = witAndWpt(server, holder, token, body)
    const twice = await postLines(server, body, {
      ...others,
      Authorization: [Authorization, `Bearer ${cluster.token()}`],
    })
    await expectRefusal(server, twice, PROOF)
    const after = await postLines(server, body, {
      ...others,
      Authorization: [`Bearer ${cluster.token()}`, Authorization],
    })
    await expectRefusal(server, after, { ...PROOF, reason: 'authentication_scheme' })
    const lower = Authorization.replace('WPT', 'wpt')
    expect((await postLines(server, body, { ...others, Authorization: lower })).status).toBe(200)
  })
})

describe('T16 HTTP message signature', () => {
  const signed = (changes: Parameters<typeof witAndSignature>[4] = {}, key = holder) =>
    ask(server, {}, (body) => witAndSignature(server, key, token, body, changes))
  const refuse = async (answer: Answer, reason: 'proof_invalid' | 'replayed' = 'proof_invalid') =>
    expectRefusal(server, answer, { ...PROOF, reason })
  const now = clock.seconds()

  it('is taken once, by its nonce', async () => {
    const nonce = { parameters: { nonce: '"fixed"' } }
    expect((await signed(nonce)).status).toBe(200)
    await refuse(await signed(nonce), 'replayed')
  })

  it.each([
    ['of another key', {}, evil],
    ['for the address of Host', { parameters: { 'wimse-aud': `"${server.workloads}/token"` } }, holder],
    ['for nobody', { parameters: { 'wimse-aud': undefined } }, holder],
    ['that is stale', { parameters: { created: `${now - 400}`, expires: `${now - 340}` } }, holder],
    ['without end', { parameters: { expires: undefined } }, holder],
    ['without nonce', { parameters: { nonce: undefined } }, holder],
    ['with keyid', { parameters: { keyid: '"x"' } }, holder],
    ['with alg', { parameters: { alg: '"ecdsa-p256-sha256"' } }, holder],
    ['over @request-target, of an older draft', { covered: ['@method', '@request-target', ...FIELDS] }, holder],
    ['over @authority', { covered: ['@method', '@path', '@query', '@authority', ...FIELDS] }, holder],
    [
      'without the body',
      { covered: ['@method', '@path', '@query', 'content-type', 'workload-identity-token'] },
      holder,
    ],
    ['without the query', { covered: ['@method', '@path', ...FIELDS] }, holder],
    ['without the credential', { covered: ['@method', '@path', '@query', 'content-type', 'content-digest'] }, holder],
    ['that asks for a signed answer', { parameters: { 'wimse-sign-response': '' } }, holder],
  ] as const)('%s is refused', async (_, changes, key) => {
    await refuse(await signed(changes as Parameters<typeof signed>[0], key))
  })

  it('beside another of the same tag is refused, whichever of them holds (W-56)', async () => {
    const body = formOf(server).toString()
    const good = witAndSignature(server, holder, token, body)
    const other = witAndSignature(server, evil, token, body, { label: 'other' })
    for (const [one, two] of [
      [good, other],
      [other, good],
    ] as const) {
      const both = Object.fromEntries(
        ['signature-input', 'signature'].map((field) => [field, [one[field] ?? '', two[field] ?? '']]),
      )
      await refuse(await postLines(server, body, { ...good, ...both }))
    }
  })

  it('with a tag of somebody else is no proof, and no fault beside a WPT', async () => {
    const tag = { parameters: { tag: '"proxy"' } }
    await refuse(await signed(tag))
    const answer = await ask(server, {}, (body) => ({
      ...witAndSignature(server, evil, token, body, tag),
      ...byWpt(server, holder, token, body),
    }))
    expect(answer.status).toBe(200)
  })
})

const FIELDS = ['content-type', 'content-digest', 'workload-identity-token']

describe('T16 proofs of nothing, and in older forms, are refused and not ignored (T24, T45)', () => {
  it.each([
    ['a WPT without a WIT', (body: string) => byWpt(server, holder, token, body), PROOF],
    ['a WPT for the subject token that is none', (body: string) => byWpt(server, holder, cluster.token(), body), PROOF],
    [
      'a WPT beside an attestation',
      (body: string) => ({ ...byAttestation(server, holder, attested), ...byWpt(server, holder, attested, body) }),
      PROOF,
    ],
    [
      'a PoP without an attestation',
      () => ({ 'OAuth-Client-Attestation-PoP': attestationPop(holder, { issuer: us, now: clock.seconds() }) }),
      PROOF,
    ],
    [
      'a PoP beside a WIT',
      (body: string) => ({
        ...witAndWpt(server, holder, token, body),
        'OAuth-Client-Attestation-PoP': attestationPop(holder, { issuer: us, now: clock.seconds() }),
      }),
      PROOF,
    ],
    [
      'a signature of a workload without a WIT',
      (body: string) => without(witAndSignature(server, holder, token, body)),
      PROOF,
    ],
    [
      'Workload-Proof-Token, of an older draft',
      (body: string) => ({ 'Workload-Identity-Token': token, 'Workload-Proof-Token': proofFor(body) }),
      PROOF,
    ],
    [
      'Workload-Proof-Token beside the new form',
      (body: string) => ({ ...witAndWpt(server, holder, token, body), 'Workload-Proof-Token': proofFor(body) }),
      PROOF,
    ],
    [
      'a WPT with ath, of an older draft',
      (body: string) => witAndWpt(server, holder, token, body, { ath: 'x' }),
      PROOF,
    ],
    [
      'a WPT that does not cover the body',
      (body: string) => witAndWpt(server, holder, token, body, { cambist_bh: undefined }),
      PROOF,
    ],
    [
      'a WPT over a transaction token that did not come',
      (body: string) => witAndWpt(server, holder, token, body, { tth: 'x' }),
      PROOF,
    ],
    [
      'a WPT that does not cover the transaction token that came',
      (body: string) => ({ ...witAndWpt(server, holder, token, body), 'Txn-Token': 'x' }),
      PROOF,
    ],
    ['a DPoP proof in an access token’s place', () => ({ DPoP: token }), DPOP],
  ] as const)('%s', async (_, headers, refused) => {
    await expectRefusal(server, await ask(server, {}, headers), refused)
  })

  const proofFor = (body: string) => wpt(holder, { token, audience: `${us}/token`, body, now: clock.seconds() })

  it('two credentials of a client are one too many', async () => {
    const answer = await ask(server, {}, (body) => ({
      ...witAndWpt(server, holder, token, body),
      ...byAttestation(server, holder, attested),
    }))
    await expectRefusal(server, answer, { status: 400, error: 'invalid_request', reason: 'authentication_several' })
  })

  it('what comes in the query proves nothing', async () => {
    const proof = encodeURIComponent(dpop(holder, { url: `${us}/token`, now: clock.seconds() }))
    const answer = await ask(server, {}, undefined, { path: `/token?DPoP=${proof}` })
    expect(answer.body['token_type']).toBe('Bearer')
  })
})

describe('T16 a credential that is bound to a key', () => {
  it('needs that key in every position, and a proof of another is none', async () => {
    const bound = () => cluster.token({ cnf: { jwk: publicOf(holder) } })
    const places = [
      () => ({ subject_token: bound() }),
      () => ({ actor_token: bound(), actor_token_type: 'urn:ietf:params:oauth:token-type:jwt' }),
      () => ({
        client_assertion: bound(),
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      }),
    ]
    for (const [index, place] of places.entries()) {
      const wire = index === 2 ? { status: 401, error: 'invalid_client' } : { status: 400, error: 'invalid_request' }
      for (const key of [undefined, evil]) {
        const answer = await ask(server, place(), () => (key === undefined ? {} : byDpop(server, key)))
        await expectRefusal(server, answer, { ...wire, reason: 'confirmation_unproven' })
      }
      const answer = await ask(server, place(), () => byDpop(server, holder))
      expect(decode(String(answer.body['access_token'])).claims).toHaveProperty('cnf.jkt')
    }
  })

  it('finds no client where somebody acts in it: the key is the actor’s, and the subject is another (T18)', async () => {
    const keeping = new SigningKey('ES256')
    await server.apply(
      document('TrustedIssuer', 'keeping', {
        credential: 'jwt',
        issuer: 'https://keeping.test.example',
        audiences: [us],
        act: 'keep',
        keys: { jwks: { keys: [keeping.jwk] } },
      }),
      document('Client', 'kept', { workloads: [{ issuer: 'keeping', ids: ['user'] }] }),
    )
    const claims = {
      iss: 'https://keeping.test.example',
      sub: 'user',
      aud: us,
      iat: clock.seconds(),
      exp: clock.seconds() + 60,
    }
    const cnf = { jwk: publicOf(holder) }
    const subject_token = keeping.sign({ ...claims, cnf, act: { sub: 'gateway' } })
    const answer = await ask(server, { subject_token }, () => byDpop(server, holder))
    await expectRefusal(server, answer, { status: 401, error: 'invalid_client', reason: 'client_required' })
    const idToken = {
      subject_token: keeping.sign({ ...claims, cnf }),
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
    }
    const asIdToken = await ask(server, idToken, () => byDpop(server, holder))
    await expectRefusal(server, asIdToken, { status: 401, error: 'invalid_client', reason: 'client_required' })
  })
})

function publicOf(key: SigningKey): Claims {
  const { kid: _, use: _use, ...jwk } = key.jwk
  return jwk
}

function without({ 'workload-identity-token': _, ...headers }: Headers): Headers {
  return headers
}
