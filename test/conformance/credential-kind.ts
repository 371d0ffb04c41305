import fc from 'fast-check'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { AnyCredentialKind, VerifiedFacts, VerifyTools } from '../../src/credentials/contract.ts'
import { type Reason, Refusal } from '../../src/refusal.ts'
import type { TrustedIssuer } from '../../src/trust/contract.ts'

/** A good credential of a kind, with the issuer that made it, and what an attacker would make of it. */
export interface CredentialSample {
  readonly token: string
  readonly issuer: TrustedIssuer
  readonly tools: VerifyTools
  /** What the facts must say of it. */
  readonly expected: Partial<VerifiedFacts>
  /** Each can be read, and must not verify. */
  readonly tampered: readonly (readonly [what: string, token: string, reasons: readonly Reason[]])[]
}

/** Facts that not every kind has. */
const SOMETIMES: ReadonlySet<string> = new Set(['certificate', 'scopes', 'ours', 'enrols', 'authentication', 'grant'])

/** Tokens of ours: each is for somebody else, and who may bring it is the decision's. */
const OWN: ReadonlySet<string> = new Set(['access-token', 'opaque', 'transaction-token'])

/** What every credential kind must do, whatever it is (architecture.md, "Two contracts"). */
export function credentialKindConformance(kind: AnyCredentialKind, sample: () => CredentialSample): void {
  it('says what it is in one word and one sentence', () => {
    expect(kind.name).toMatch(/^[a-z][a-z0-9-]{0,62}$/)
    expect(kind.summary).toMatch(/^[A-Z][^\n]{20,200}\.$/)
    expect(kind.summary.slice(0, -1)).not.toMatch(/[.!?]\s/)
    expect(kind.format).toMatch(/^[a-z][a-z0-9-]*$/)
  })

  it('answers to declared types that are absolute URIs, each once', () => {
    const types = [...kind.tokenTypes, ...(kind.clientTypes?.keys() ?? []), ...(kind.assertionTypes ?? [])]
    expect(types.length).toBeGreaterThan(0)
    expect(new Set(types).size).toBe(types.length)
    for (const type of types) {
      expect(URL.canParse(type)).toBe(true)
      expect(type).toMatch(/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/)
    }
  })

  it('has settings that are an object of fields and refuse any other', () => {
    expect(kind.settings).toBeInstanceOf(z.ZodObject)
    expect(kind.settings.safeParse({ nobody_knows_this: 1 }).success).toBe(false)
  })

  it('refuses to read what is none of its credentials, by token_malformed and nothing else', () => {
    const { token } = sample()
    const junk = fc.oneof(
      fc.string({ maxLength: 200 }),
      fc.string({ unit: 'binary', maxLength: 200 }),
      fc.base64String(),
      fc
        .array(
          fc.base64String().map((text) => text.replace(/[+/=]/g, '_')),
          { maxLength: 6 },
        )
        .map((parts) => parts.join('.')),
      fc
        .json()
        .map((text) => `${Buffer.from(text).toString('base64url')}.${Buffer.from(text).toString('base64url')}.AAAA`),
      fc
        .tuple(fc.nat(token.length), fc.string({ minLength: 1, maxLength: 3 }))
        .map(([at, text]) => token.slice(0, at) + text + token.slice(at)),
      fc.nat(token.length - 1).map((length) => token.slice(0, length)),
    )
    fc.assert(
      fc.property(junk, (text) => {
        try {
          kind.locate(kind.read(text))
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal)
          expect(['token_malformed', 'claim_missing', 'claim_malformed']).toContain((error as Refusal).reason)
        }
      }),
      { numRuns: 500 },
    )
    for (const text of ['', ' ', '.', '..', 'null', '{}', '\0', '\ud800', 'x'.repeat(16_384)]) {
      expect(() => kind.read(text)).toThrow(expect.objectContaining({ reason: 'token_malformed' }))
    }
  })

  it('locates without a key: the same for what is forged as for what is good', () => {
    const { token, issuer, tampered } = sample()
    const where = kind.locate(kind.read(token))
    if ('unlocated' in where) throw new Error(where.detail)
    expect(where.authorities.some((authority) => issuer.lookUp.includes(authority))).toBe(true)
    expect(where.audiences.length > 0).toBe(kind.audience !== 'none')
    for (const [, forged] of tampered) expect(() => kind.locate(kind.read(forged))).not.toThrow()
  })

  it('verifies a good credential, and says all that is asked of it', async () => {
    const { token, issuer, tools, expected } = sample()
    const facts = await kind.verify(kind.read(token), issuer, tools)
    expect(facts).toMatchObject(expected)
    expect(facts.authority).toBe(issuer.authority)
    expect(facts.useId).toMatch(/^\P{Cc}{1,256}$/u)
    expect(facts.expiresAt).toBeGreaterThan(tools.now)
    // One that is for nobody in particular is nobody's without its key.
    if (kind.audience === 'none') expect(facts).toMatchObject({ audiences: [], keyProven: true })
    else expect(facts.audiences.length).toBeGreaterThan(0)
    expect(typeof facts.keyProven).toBe('boolean')
    expect(facts.actors).toEqual([])
    const always = Object.keys(facts).filter((name) => !SOMETIMES.has(name))
    expect(always.sort()).toEqual([
      'actors',
      'audiences',
      'authority',
      'claims',
      'expiresAt',
      'header',
      'keyProven',
      'mayAct',
      'uri',
      'useId',
    ])
  })

  it('says the same of the same credential, and changes neither the reading nor the issuer', async () => {
    const { token, issuer, tools } = sample()
    const reading = kind.read(token)
    const first = await kind.verify(reading, Object.freeze(issuer), tools)
    expect(await kind.verify(reading, issuer, tools)).toEqual(first)
    expect(reading).toEqual(kind.read(token))
  })

  it('refuses what was tampered with', async () => {
    const { tampered, issuer, tools } = sample()
    expect(tampered.length).toBeGreaterThan(2)
    for (const [what, token, reasons] of tampered) {
      // As the pipeline does: what a proof is compared with is the credential as it was presented.
      const refused = await refusalOf(async () => kind.verify(kind.read(token), issuer, { ...tools, token }))
      expect(reasons, `${what}: ${refused.detail}`).toContain(refused.reason)
      expect(refused.detail).not.toContain(token.slice(-20))
    }
  })

  it('refuses one whose time is over', async () => {
    const { token, issuer, tools } = sample()
    const later = { ...tools, now: tools.now + 10 * 365 * 86_400 }
    expect((await refusalOf(async () => kind.verify(kind.read(token), issuer, later))).reason).toBe('expired')
  })

  // A token of ours is for a resource server, and who may bring it is the decision's.
  it.skipIf(kind.audience === 'none' || OWN.has(kind.name))('refuses a credential that is not for us', async () => {
    const { token, issuer, tools } = sample()
    const elsewhere = { ...tools, accepted: { audiences: ['https://elsewhere.example'], several: false } }
    expect((await refusalOf(async () => kind.verify(kind.read(token), issuer, elsewhere))).reason).toBe(
      'audience_mismatch',
    )
  })

  it('refuses every credential of which one character is another', async () => {
    const { token, issuer, tools } = sample()
    await fc.assert(
      fc.asyncProperty(fc.nat(token.length - 1), fc.constantFrom(...'Aa0_-.'), async (at, other) => {
        if (token[at] === other) return
        const changed = token.slice(0, at) + other + token.slice(at + 1)
        await refusalOf(async () => kind.verify(kind.read(changed), issuer, { ...tools, token: changed }))
      }),
      { numRuns: 100 },
    )
  })
}

async function refusalOf(work: () => Promise<unknown>): Promise<Refusal> {
  try {
    await work()
  } catch (error) {
    expect(error).toBeInstanceOf(Refusal)
    return error as Refusal
  }
  throw new Error('it was not refused')
}
