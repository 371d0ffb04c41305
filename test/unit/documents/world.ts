import { jwt } from '../../../src/credentials/kinds/jwt.ts'
import type { Applying } from '../../../src/documents/apply.ts'
import { Compiler } from '../../../src/documents/compile.ts'
import type { CompileContext, Document } from '../../../src/documents/contract.ts'
import { type DocumentFault, DocumentFaults } from '../../../src/documents/faults.ts'
import { keyRolesOf } from '../../../src/documents/signing-keys.ts'
import type { StoredKey } from '../../../src/keys/contract.ts'
import { accessToken } from '../../../src/tokens/kinds/access-token.ts'

export const ISSUER = 'https://cambist.example'

/** What tests compile under: the real kinds, and a keyring that only shows what it was made of. */
export const context: CompileContext = {
  credentialKinds: [jwt],
  tokenKinds: [accessToken],
  ourIssuer: ISSUER,
  openKeys: (stored) => ({
    stored,
    publicKeysOf: () => ({ keys: [] }),
    published: { keys: [] },
    bundled: { keys: [] },
    signer: () => undefined,
  }),
}

export const compiler = () => new Compiler(context)

export const document = (kind: string, name: string, spec: object, labels?: Record<string, string>): Document => ({
  apiVersion: 'cambist/v1',
  kind,
  metadata: labels === undefined ? { name } : { name, labels },
  spec: { ...spec },
})

/** A whole that compiles: one of each kind. */
export const base = {
  issuer: document('TrustedIssuer', 'prod', {
    preset: 'kubernetes',
    issuer: 'https://oidc.prod.example',
    keys: { discovery: true },
    audiences: [ISSUER],
  }),
  client: document('Client', 'checkout', {
    workloads: [{ issuer: 'prod', match: { namespace: ['shop'], serviceaccount: ['checkout'] } }],
  }),
  target: document('Target', 'orders', {
    audience: 'https://orders.example',
    scopes: ['orders:read', 'orders:write'],
    defaultScopes: ['orders:read'],
    tokens: [{ kind: 'access-token', lifetime: '5m' }],
  }),
  policy: document('Policy', 'checkout-reads-orders', {
    clients: ['checkout'],
    targets: ['orders'],
    scopes: ['orders:read'],
  }),
} as const

export const whole: readonly Document[] = Object.values(base)

export const changed = (one: Document, spec: object): Document => ({ ...one, spec: { ...one.spec, ...spec } })

export const key = (algorithm: string): StoredKey => ({
  kid: `key-${algorithm}`,
  use: 'sig',
  algorithm,
  publicJwk: { kty: 'EC', kid: `key-${algorithm}`, alg: algorithm, use: 'sig' },
  backend: 'local',
  wrapped: 'WRAPPED-PRIVATE-PART',
  createdAt: 1_700_000_000,
  activeAt: 1_700_000_000,
  retiredAt: undefined,
  removeAt: undefined,
})

/** Keys for what has none, as app.ts hands them in. */
export const newKeys: Applying['newKeys'] = (stored, targets) =>
  keyRolesOf(targets, context.tokenKinds)
    .filter(({ algorithm }) => !stored.some((each) => each.algorithm === algorithm))
    .map(({ algorithm }) => key(algorithm))

/** The faults that something throws; fails where it throws none. */
export function faultsOf(make: () => unknown): readonly DocumentFault[] {
  try {
    make()
  } catch (error) {
    if (error instanceof DocumentFaults) return error.faults
    throw error
  }
  throw new Error('nothing was refused')
}

/** The same for what rejects, with faults of any kind. */
export async function rejection(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => {
      throw new Error('nothing was refused')
    },
    (error: unknown) => error as Error,
  )
}
