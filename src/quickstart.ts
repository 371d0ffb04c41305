/**
 * What `npm start` begins with where nothing is configured: the documents of examples/quickstart, believing a throw-away
 * development cluster whose key is made on this machine, and a request that works when pasted.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Document } from './documents/contract.ts'
import { readDocuments } from './documents/read.ts'
import { isTestFile } from './documents/test-file.ts'
import { TOKEN_EXCHANGE } from './exchange/grants.ts'
import { algorithms } from './lib/algorithms.ts'

const DOCUMENTS = join(import.meta.dirname, '..', 'examples', 'quickstart')
const KEY_ID = 'development-cluster'
const POD = '7f0f2c3e-8a51-4b1c-bb55-2f6a3f9f3c11'
const CLUSTER = 'https://kubernetes.development.example'

/** The API server of the development cluster: it signs service-account tokens of the shape that Kubernetes 1.37 gives them. */
export interface DevelopmentCluster {
  readonly jwks: { readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** A projected token (platform-tokens.md §2) for an audience. Times in seconds. */
  token(request: {
    readonly audience: string
    readonly now: number
    readonly lifetime: number
    readonly serviceAccount?: string
    /** The uid of the pod: which copy of the workload it is. */
    readonly pod?: string
  }): string
}

/** The cluster whose key is in the data directory; made there the first time. */
export function developmentCluster(dataDir: string): DevelopmentCluster {
  const privateKey = keyIn(join(dataDir, 'development-cluster.pem'))
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' })
  const rs256 = algorithms.get('RS256')
  if (rs256 === undefined) throw new Error('RS256 is missing from the table of algorithms')
  return {
    jwks: { keys: [{ ...jwk, kid: KEY_ID, alg: 'RS256', use: 'sig' }] },
    token({ audience, now, lifetime, serviceAccount = 'checkout', pod = POD }) {
      const header = { alg: 'RS256', kid: KEY_ID }
      const claims = {
        aud: [audience],
        exp: now + lifetime,
        iat: now,
        iss: CLUSTER,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace: 'shop',
          node: { name: 'node-1', uid: '2d0a5b8e-7c1f-4f0e-9a63-0b1c5f1d9e01' },
          pod: { name: `${serviceAccount}-6d5f7c9b8-x2x7q`, uid: pod },
          serviceaccount: { name: serviceAccount, uid: '0c9d5d5e-57c2-4bd4-9a0c-6b8f5c6d7e21' },
        },
        nbf: now,
        sub: `system:serviceaccount:shop:${serviceAccount}`,
      }
      const input = `${encode(header)}.${encode(claims)}`
      return `${input}.${rs256.sign(privateKey, Buffer.from(input)).toString('base64url')}`
    },
  }
}

/** The quickstart documents, for this machine: its development cluster, its issuer. */
export function quickstartDocuments(cluster: DevelopmentCluster, issuer: string): readonly Document[] {
  const text = readdirSync(DOCUMENTS)
    .filter((name) => name.endsWith('.yaml') && !isTestFile(name))
    .sort()
    .map((name) => readFileSync(join(DOCUMENTS, name), 'utf8'))
    .join('\n---\n')
  return readDocuments(text, 'application/yaml').map((document) =>
    document.kind === 'TrustedIssuer'
      ? { ...document, spec: { ...document.spec, audiences: [issuer], keys: { jwks: cluster.jwks } } }
      : document,
  )
}

/** A request that can be pasted into a shell: the token of a pod in, an access token for the orders service out. */
export function quickstartCurl(issuer: string, token: string): string {
  return [
    `curl -s ${issuer}/token \\`,
    `  -d grant_type=${TOKEN_EXCHANGE} \\`,
    '  -d subject_token_type=urn:ietf:params:oauth:token-type:jwt \\',
    '  -d audience=https://orders.example -d scope=orders:read \\',
    `  -d subject_token=${token}`,
  ].join('\n')
}

function keyIn(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  try {
    writeFileSync(file, privateKey.export({ format: 'pem', type: 'pkcs8' }), { flag: 'wx', mode: 0o600 })
    return privateKey
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return createPrivateKey(readFileSync(file))
  }
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
