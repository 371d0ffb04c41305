/**
 * What "a new kind is one file and one line" comes to: the two constants below are such files, and `formats` has the line
 * for each. Everything else (documents, metadata, documentation, the conformance run, the exchange) follows from them.
 */
import { sign, verify } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { formats as builtIn } from '../src/app.ts'
import { type CredentialKind, JWT_BEARER_GRANT } from '../src/credentials/contract.ts'
import type { Formats } from '../src/documents/contract.ts'
import { readJwk } from '../src/lib/jwk.ts'
import { Refusal } from '../src/refusal.ts'
import type { TokenKind } from '../src/tokens/contract.ts'
import type { TrustedIssuer } from '../src/trust/contract.ts'
import { type CredentialSample, credentialKindConformance } from './conformance/credential-kind.ts'
import { document, startCambist } from './harness/cambist.ts'
import { kinds as documented } from './harness/documentation.ts'
import { refusal } from './harness/refusal.ts'
import { decode, SigningKey, TYPE } from './harness/tokens.ts'
import { verifyTools } from './harness/verify-tools.ts'

interface Note {
  readonly notary: string
  readonly bearer: string
  readonly reader: string
  readonly until: number
  readonly signed: string
  readonly signature: Buffer
}

const NOTE = /^note1~([a-z0-9.-]{1,64})~([a-z0-9-]{1,64})~([\x21-\x7d]{1,256})~([0-9]{1,12})~([0-9a-f]{128})$/

/** A note that a notary writes for a bearer and a reader: text with an Ed25519 signature, and nothing of a JWT. */
const note: CredentialKind<{ notary: string }, Note> = {
  name: 'note',
  summary: 'A line of text that a notary signs with Ed25519 for one bearer and one reader.',
  format: 'note',
  tokenTypes: ['https://notary.example/token-type/note'],
  settings: z.strictObject({ notary: z.string().min(1).max(64) }),
  authority: ({ notary }) => notary,
  read(token) {
    const [, notary = '', bearer = '', reader = '', until = '', signature = ''] = NOTE.exec(token) ?? []
    if (notary === '') throw new Refusal('token_malformed', 'not a note')
    return {
      notary,
      bearer,
      reader,
      until: Number(until),
      signed: token.slice(0, -129),
      signature: Buffer.from(signature, 'hex'),
    }
  },
  locate: ({ notary, reader }) => ({ authorities: [notary], audiences: [reader] }),
  async verify({ notary, bearer, reader, until, signed, signature }, issuer, { now, accepted, keys }) {
    if (until + issuer.clockSkew <= now) throw new Refusal('expired', `expired ${now - until} s ago`)
    if (!accepted.audiences.includes(reader)) throw new Refusal('audience_mismatch', 'the note is for another reader')
    const { key } = await keys.find(issuer, undefined, 'EdDSA')
    if (!verify(null, Buffer.from(signed), key, signature))
      throw new Refusal('signature_invalid', 'the signature does not verify')
    return {
      authority: notary,
      claims: { bearer },
      header: {},
      uri: undefined,
      audiences: [reader],
      expiresAt: until,
      useId: signature.toString('base64url'),
      keyProven: false,
      actors: [],
      mayAct: undefined,
    }
  },
}

/** A ticket: a token kind that is no access token. */
const ticket: TokenKind<{ readonly seat: string }> = {
  name: 'ticket',
  summary: 'A ticket for one ride, which is no access token.',
  format: 'jwt',
  tokenType: 'https://notary.example/token-type/ticket',
  usage: 'N_A',
  chains: true,
  settings: z.strictObject({ seat: z.string().default('any') }),
  ownClaims: ['seat'],
  claims: z.looseObject({
    iss: z.string(),
    sub: z.string(),
    aud: z.string(),
    exp: z.int(),
    jti: z.string(),
    seat: z.string(),
  }),
  write: ({ issuer, permission, audience, expiresAt, id, claims }, { seat }) => ({
    header: { typ: 'ticket+jwt' },
    claims: {
      ...claims,
      iss: issuer,
      sub: permission.subject,
      aud: audience,
      exp: expiresAt,
      jti: id,
      seat,
    },
  }),
}

/** A kind that shares its declared type with another: neither may stand in the other's way. */
const plainNote: typeof note = {
  ...note,
  name: 'plain-note',
  tokenTypes: [TYPE.jwt],
  assertionTypes: [JWT_BEARER_GRANT],
  grantProfile: 'https://notary.example/grant-profile/note',
}

const formats: Formats = {
  credentialKinds: [...builtIn.credentialKinds, note, plainNote],
  tokenKinds: [...builtIn.tokenKinds, ticket],
}

const notary = new SigningKey('EdDSA')
const [NOTE_TYPE = ''] = note.tokenTypes

function written(reader: string, until: number, bearer = 'alice', key = notary, hall = 'town-hall'): string {
  const text = `note1~${hall}~${bearer}~${reader}~${until}`
  return `${text}~${sign(null, Buffer.from(text), key.privateKey).toString('hex')}`
}

describe('the conformance run, which takes the new kind as it is', () => {
  credentialKindConformance(note, (): CredentialSample => {
    const now = 1_800_000_000
    const token = written('us', now + 60)
    const reading = readJwk(notary.jwk)
    if ('fault' in reading) throw new Error(reading.fault)
    return {
      token,
      issuer: { authority: 'town-hall', lookUp: ['town-hall'], clockSkew: 30 } as unknown as TrustedIssuer,
      tools: verifyTools({ now, audiences: ['us'], keys: [reading.key] }),
      expected: { claims: { bearer: 'alice' }, expiresAt: now + 60 },
      tampered: [
        ['another bearer', token.replace('alice', 'bob'), ['signature_invalid']],
        ['a longer life', token.replace(String(now + 60), String(now + 99)), ['signature_invalid']],
        ['another notary’s key', written('us', now + 60, 'alice', new SigningKey('EdDSA')), ['signature_invalid']],
      ],
    }
  })
})

describe('a server with the new kinds', async () => {
  const server = await startCambist({ formats })
  const { clock, issuer: us } = server
  await server.apply(
    document('TrustedIssuer', 'town-hall', {
      credential: 'note',
      notary: 'town-hall',
      audiences: [us],
      keys: { jwks: { keys: [notary.jwk] } },
      subject: 'assertion.bearer',
    }),
    document('Client', 'alice', { workloads: [{ issuer: 'town-hall', ids: ['alice'] }] }),
    document('Target', 'railway', {
      audience: 'https://railway.example',
      authorizationDetails: [{ type: 'ride' }],
      tokens: [{ kind: 'ticket', lifetime: '1m', seat: 'window' }],
    }),
    document('Policy', 'alice-rides', {
      clients: ['alice'],
      targets: ['railway', 'orders'],
      scopes: ['orders:read'],
      authorizationDetails: [{ type: 'ride' }],
    }),
  )
  const asked = (bearer = 'alice', key = notary) => ({
    subject_token: written(us, clock.seconds() + 120, bearer, key),
    subject_token_type: NOTE_TYPE,
  })

  it('exchanges the new credential for an access token', async () => {
    const answer = await server.exchange(asked())
    expect(answer).toMatchObject({ status: 200, body: { token_type: 'Bearer', expires_in: 120 } })
    expect(decode(String(answer.body['access_token'])).claims['sub']).toBe('wimse://127.0.0.1/town-hall/alice')
    expect(await server.record(answer.id)).toMatchObject({
      subject: { issuer: 'town-hall', kind: 'note' },
      changes: expect.arrayContaining(['format']),
    })
  })

  it('exchanges it for the new token', async () => {
    const answer = await server.exchange({
      ...asked(),
      audience: 'https://railway.example',
      requested_token_type: ticket.tokenType,
    })
    expect(answer).toMatchObject({
      status: 200,
      body: { token_type: 'N_A', issued_token_type: ticket.tokenType, expires_in: 60 },
    })
    const { header, claims } = decode(String(answer.body['access_token']))
    expect(header).toMatchObject({ typ: 'ticket+jwt', alg: 'ES256' })
    expect(claims).toMatchObject({ seat: 'window', aud: 'https://railway.example' })
  })

  it('grants no authorization details in a kind of token that does not carry them (RA-03)', async () => {
    const wanted = { audience: 'https://railway.example', requested_token_type: ticket.tokenType }
    await refusal(server, { ...asked(), ...wanted, authorization_details: '[{"type":"ride"}]' }, 'token_unfit')
  })

  it('puts the new kind to every check of the pipeline', async () => {
    await refusal(server, asked('alice', new SigningKey('EdDSA')), 'signature_invalid')
    await refusal(server, asked('bob'), 'client_unknown')
    await refusal(server, { ...asked(), subject_token: `${asked().subject_token} ` }, 'token_malformed')
    await refusal(server, { ...asked(), subject_token: server.cluster.token() }, 'token_malformed')
    // Under a type that other kinds answer to, it is of no issuer that they know.
    await refusal(server, { subject_token: asked().subject_token }, 'issuer_unknown')
    await refusal(
      server,
      { ...asked(), subject_token: written('https://elsewhere.example', clock.seconds() + 60) },
      'audience_mismatch',
    )
    await refusal(server, { ...asked(), subject_token: written(us, clock.seconds() - 60) }, 'expired')
  })

  it('shares a declared type with another kind', async () => {
    await server.apply(
      document('TrustedIssuer', 'city-hall', {
        credential: 'plain-note',
        notary: 'city-hall',
        audiences: [us],
        keys: { jwks: { keys: [notary.jwk] } },
        subject: 'assertion.bearer',
      }),
      document('Client', 'bob', { workloads: [{ issuer: 'city-hall', ids: ['bob'] }] }),
      document('Policy', 'bob-reads', { clients: ['bob'], targets: ['orders'], scopes: ['orders:read'] }),
    )
    const until = clock.seconds() + 60
    expect((await server.exchange({ subject_token: written(us, until, 'bob', notary, 'city-hall') })).status).toBe(200)
    expect((await server.exchange()).status).toBe(200)
    await refusal(
      server,
      { subject_token: written(us, until, 'bob', new SigningKey('EdDSA'), 'city-hall') },
      'signature_invalid',
    )
    await refusal(server, { subject_token: written(us, until, 'bob', notary, 'no-hall') }, 'issuer_unknown')
    await refusal(server, { subject_token: 'neither~of~them' }, 'token_malformed')
  })

  it('lets a rule say that the format may not change', async () => {
    await server.apply(
      document('Policy', 'alice-rides', {
        clients: ['alice'],
        targets: ['orders'],
        scopes: ['orders:read'],
        changes: ['authority', 'scope'],
      }),
    )
    await refusal(server, asked(), 'change_denied')
  })

  it('takes documents that name the new kinds, and says what is wrong with one', async () => {
    const wrong = document('TrustedIssuer', 'village', {
      credential: 'note',
      notry: 'x',
      audiences: [us],
      keys: { jwks: { keys: [notary.jwk] } },
    })
    await expect(server.apply(wrong)).rejects.toThrow(/notary/)
    const seat = document('Target', 'railway', {
      audience: 'https://railway.example',
      tokens: [{ kind: 'ticket', claims: { seat: "'aisle'" } }],
    })
    await expect(server.apply(seat)).rejects.toThrow(/seat/)
  })

  it('names them, and what they are for, in the metadata, and in the schema of the documents', async () => {
    const metadata = await (await server.get('/.well-known/oauth-authorization-server')).json()
    expect(metadata).toMatchObject({
      cambist_subject_token_types_supported: expect.arrayContaining([NOTE_TYPE]),
      cambist_issued_token_types_supported: expect.arrayContaining([ticket.tokenType]),
      cambist_assertion_kinds_supported: expect.arrayContaining(['plain-note']),
      authorization_grant_profiles_supported: expect.arrayContaining([plainNote.grantProfile]),
      identity_chaining_requested_token_types_supported: expect.arrayContaining([ticket.tokenType]),
    })
    expect(await (await server.adminGet('/admin/v1/openapi.json')).text()).toContain('notary')
  })

  it('names them in the table of the README', () => {
    expect(documented(formats)).toContain(note.summary)
    expect(documented(formats)).toContain(ticket.summary)
    expect(documented()).not.toContain(note.summary)
  })
})
