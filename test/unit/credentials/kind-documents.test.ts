import { describe, expect, it } from 'vitest'
import { formats } from '../../../src/app.ts'
import { Faults } from '../../../src/lib/fault.ts'
import { compileTrustedIssuer } from '../../../src/trust/trusted-issuer.ts'
import { createRoot } from '../../harness/pki.ts'
import { SigningKey } from '../../harness/tokens.ts'

const { pem } = await createRoot()
const wits = { keys: [{ ...new SigningKey('ES256', 'k').jwk, use: 'wit-svid', alg: undefined }] }
/** A document of each kind whose credentials are no ordinary tokens. */
const documents: Readonly<Record<string, Record<string, unknown>>> = {
  x509: { keys: { roots: pem } },
  'spiffe-x509-svid': { trustDomain: 'prod.example', keys: { roots: pem } },
  wit: { trustDomain: 'prod.example', keys: { bundle: { inline: wits } } },
}
const compile = (credential: string, more: object = {}) =>
  compileTrustedIssuer('prod', JSON.parse(JSON.stringify({ credential, ...documents[credential], ...more })), {
    kinds: formats.credentialKinds,
    ourIssuer: 'https://cambist.example',
  })
const ONLINE = { introspection: { url: 'https://login.example/introspect' } }

/** What is ignored looks like a check, so a document cannot say it. */
describe('fields that say nothing of a kind of credential', () => {
  it.each(Object.keys(documents))('%s: its document compiles without them', (credential) => {
    expect(compile(credential).credential).toBe(credential)
  })

  it.each([
    ['x509', 'onlineCheck', ONLINE],
    ['x509', 'act', 'keep'],
    ['x509', 'audiences', ['https://cambist.example']],
    ['spiffe-x509-svid', 'onlineCheck', ONLINE],
    ['spiffe-x509-svid', 'audiences', ['https://cambist.example']],
    ['wit', 'maxAge', '1h'],
    ['wit', 'audiences', ['https://cambist.example']],
  ])('%s has no %s', (credential, field, value) => {
    try {
      compile(credential, { [field]: value })
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(Faults)
      const { faults } = error as Faults
      expect(faults.map(({ path }) => path)).toEqual([`spec.${field}`])
      expect(faults[0]?.message).toContain(`is not a field of credential ${credential}`)
    }
  })
})
