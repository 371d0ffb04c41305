import type { Keyring, Signer } from '../keys/contract.ts'
import { Refusal } from '../refusal.ts'
import { signedJwt } from '../tokens/signed-jwt.ts'
import type { Introspection } from './introspect.ts'

/** What RFC 9701 has by default comes first (JI-05), then what we sign tokens with by default, then whatever there is. */
const PREFERRED = ['RS256', 'ES256']

/** What introspection answers are signed with; undefined where there is no key at all. */
export function algorithmOfAnswers({ stored }: Pick<Keyring, 'stored'>): string | undefined {
  const there = stored.filter(({ use }) => use === 'sig').map(({ algorithm }) => algorithm)
  return PREFERRED.find((algorithm) => there.includes(algorithm)) ?? there[0]
}

interface Answering {
  readonly issuer: string
  /** The client that asks. */
  readonly audience: string
  readonly keyring: Keyring
  readonly now: number
}

/**
 * An introspection response as a JWT (RFC 9701 §5, JI-02). It has a type of its own, and no `sub` and no `exp` beside the
 * object in it, so that nobody takes it for an access token (JI-03). Throws Refusal where there is no key.
 */
export function signedAnswer(
  introspection: Introspection,
  { issuer, audience, keyring, now }: Answering,
): string | Promise<string> {
  return signedJwt(
    signerOf(keyring, now),
    { typ: 'token-introspection+jwt' },
    { iss: issuer, aud: audience, iat: now, token_introspection: introspection },
  )
}

function signerOf(keyring: Keyring, now: number): Signer {
  const algorithm = algorithmOfAnswers(keyring)
  const signer = algorithm === undefined ? undefined : keyring.signer('sig', algorithm, now)
  if (signer === undefined)
    throw new Refusal('snapshot_unavailable', 'there is no signing key yet; one is made with the first target', {
      retryAfter: 1,
    })
  return signer
}
