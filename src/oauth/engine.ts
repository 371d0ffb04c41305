import { generateKeyPairSync } from 'node:crypto'
import type Provider from 'oidc-provider'
import type { Adapter, Configuration } from 'oidc-provider'

/**
 * The seam: the only importer of oidc-provider, and every behaviour of it that we correct, with the reason. The Provider
 * is the one Koa application; our strict router stands in front of it inside the same application, and only what that
 * router names reaches it (engine.md §1). Workloads' grants are answered by exchange(), never by the engine; user-facing
 * grants will be handed to it once they are configured. It signs nothing for workloads: its key is thrown away with the process.
 */
export async function createEngine(issuer: string): Promise<Provider> {
  const { default: Engine } = await withoutRuntimeWarning(() => import('oidc-provider'))
  const provider = new Engine(issuer, configuration())
  provider.proxy = false // X-Forwarded-* of strangers decides nothing (T32)
  return provider
}

/**
 * The engine warns on the console of every Node whose release line has no LTS name yet, as the newest even one has for
 * half a year. The versions that we run on are our own affair (src/start.js); every other notice of it stays.
 */
async function withoutRuntimeWarning<T>(load: () => Promise<T>): Promise<T> {
  const { warn } = console
  console.warn = (...words: unknown[]) => {
    if (!String(words[0]).includes('oidc-provider WARNING: Unsupported runtime')) warn(...words)
  }
  try {
    return await load()
  } finally {
    console.warn = warn
  }
}

/** Every feature is written out: several are on by default, and defaults change between releases. */
const FEATURES_OFF = [
  'attestClientAuth',
  'backchannelLogout',
  'ciba',
  'claimsParameter',
  'clientCredentials',
  'clientIdMetadataDocument',
  'deviceFlow',
  'devInteractions',
  'dPoP',
  'encryption',
  'externalSigningSupport',
  'fapi',
  'introspection',
  'jwtIntrospection',
  'jwtResponseModes',
  'jwtUserinfo',
  'openid4vci',
  'pushedAuthorizationRequests',
  'registration',
  'registrationManagement',
  'requestObjects',
  'resourceIndicators',
  'revocation',
  'richAuthorizationRequests',
  'rpInitiatedLogout',
  'rpMetadataChoices',
  'userinfo',
  'webMessageResponseMode',
] as const

/** All that engine.ts decides on: a release of the engine that knows another one fails test/seam. */
export const ENGINE_FEATURES: readonly string[] = [...FEATURES_OFF, 'mTLS']

function configuration(): Configuration {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    adapter: NoStorage,
    clients: [], // static clients are validated lazily, at a caller's cost
    clientAuthMethods: ['tls_client_auth'], // removes Basic, secrets and its private_key_jwt: three audiences, replay mark not atomic (T8, T10)
    clientBasedCORS: () => false,
    cookies: { keys: [generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }).d ?? ''] },
    features: { ...Object.fromEntries(FEATURES_OFF.map((name) => [name, { enabled: false }])), mTLS: NOBODY },
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' } as never] },
    pkce: { required: () => true },
    renderError: (ctx, out) => {
      ctx.body = out // the default answers HTML
    },
    responseTypes: [], // the default offers code
    routes: { token: '/token', jwks: '/engine/jwks' }, // ours stand at /jwks and /.well-known/*
  }
}

/**
 * How an authenticated client will be handed over: by these callbacks, which fail closed, and never by the method `none`,
 * which issues a token when the front is by-passed (engine.md §1). Until there is a grant to hand over, nobody passes.
 */
const NOBODY = {
  enabled: true,
  tlsClientAuth: true,
  getCertificate: () => undefined,
  certificateAuthorized: () => false,
  certificateSubjectMatches: () => false,
}

/** Nothing of the engine is stored until user-facing grants are configured: any write is unplanned, and says so. */
class NoStorage implements Adapter {
  readonly #model: string

  constructor(model: string) {
    this.#model = model
  }

  upsert(): Promise<never> {
    return Promise.reject(new Error(`the engine wants to store a ${this.#model}, and nothing of it is stored`))
  }

  find(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  findByUid(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  consume(): Promise<void> {
    return Promise.resolve()
  }

  destroy(): Promise<void> {
    return Promise.resolve()
  }

  revokeByGrantId(): Promise<void> {
    return Promise.resolve()
  }
}
