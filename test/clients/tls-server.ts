import { get } from 'node:https'
import { createLocalJWKSet, type JSONWebKeySet, type JWTPayload, jwtVerify } from 'jose'
import { expect } from 'vitest'
import type { Document } from '../../src/documents/contract.ts'
import { startCambist, TestClock, type TestServer, type TestServerOptions } from '../harness/cambist.ts'
import { type Authority, createRoot } from '../harness/pki.ts'
import { withKeys } from '../harness/recipes.ts'
import { Cluster } from '../harness/tokens.ts'
import { AUDIENCE } from './clients.ts'
import { type Ended, Files, runProgram } from './program.ts'

// Clients have no clock but the real one.
const now = Math.floor(Date.now() / 1000)
export const dates = { notBefore: now - 3600, notAfter: now + 2 * 86_400 }

type Options = Omit<TestServerOptions, 'tls' | 'mtls'> & { readonly certificates?: boolean }

/** Servers that clients meet as they would meet ours: by https, with a certificate that they check. */
export class TlsServers {
  readonly files = new Files()
  /** The authority of their certificates, and the file that it is in. */
  readonly authority: string
  readonly authorities: string
  readonly #root: Authority

  private constructor(root: Authority) {
    this.#root = root
    this.authority = root.pem
    this.authorities = this.files.write('authorities.pem', root.pem)
  }

  static async open(): Promise<TlsServers> {
    return new TlsServers(await createRoot({ subject: 'CN=Hosts', ...dates }))
  }

  /** `certificates` where a second listener asks for those of clients. */
  async start({ certificates = false, ...options }: Options): Promise<TestServer> {
    const leaf = await this.#root.leaf({ ips: ['127.0.0.1'], ...dates })
    const tls = { cert: leaf.chainPem(), key: leaf.keyPem }
    return startCambist({ clock: TestClock.real(), ...options, tls, ...(certificates ? { mtls: tls } : {}) })
  }

  /** A program that trusts their certificates. */
  run(program: string, env: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return runProgram(program, { ...env, NODE_EXTRA_CA_CERTS: this.authorities })
  }

  /** What a program has printed last, as a service reads it that gets it as a token. */
  async claimsOf({ issuer }: TestServer, { code, output, errors }: Ended, audience = AUDIENCE): Promise<JWTPayload> {
    expect([code, code === 0 ? '' : errors]).toEqual([0, ''])
    const keys = createLocalJWKSet((await this.json(`${issuer}/jwks`)) as unknown as JSONWebKeySet)
    const { payload } = await jwtVerify(output, keys, { issuer, audience, typ: 'at+jwt' })
    return payload
  }

  json(url: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      get(url, { ca: this.#root.pem, agent: false }, (answer) => {
        let text = ''
        answer.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        answer.on('end', () => resolve(JSON.parse(text) as Record<string, unknown>))
      }).on('error', reject)
    })
  }
}

/** The reason on the record of the request that was refused last. */
export async function lastReason(server: TestServer): Promise<unknown> {
  const list = (await (await server.adminGet('/admin/v1/audit?limit=1')).json()) as { items: { reason: string }[] }
  return list.items[0]?.reason
}

/** The cluster of the page on Kubernetes, whose tokens are for a server of a test, and the document that believes it. */
export function clusterOf(server: Pick<TestServer, 'issuer' | 'clock'>, documents: readonly Document[]) {
  const [believed] = documents.filter(({ kind }) => kind === 'TrustedIssuer')
  const issuer = String(believed?.spec['issuer'])
  const cluster = new Cluster({ issuer, audience: server.issuer, now: server.clock.seconds })
  const trusted = withKeys([believed as Document], { [String(believed?.metadata.name)]: { jwks: cluster.jwks } })
  return { cluster, trusted: trusted.map((each) => ({ ...each, spec: { ...each.spec, audiences: [server.issuer] } })) }
}
