/** AWS Signature Version 4: requests for GetCallerIdentity as a workload signs them, and an STS that verifies them. */
import { createHash, createHmac } from 'node:crypto'
import { awsCallerIdentity } from '../../src/trust/presets/aws-caller-identity.ts'
import type { Handler } from '../unit/trust/hostile-server.ts'

export interface Credentials {
  readonly id: string
  readonly secret: string
}

export const CREDENTIALS: Credentials = { id: 'ASIACLKWSDQRAOEXAMPLE', secret: 'a secret of the role of the test' }
export const BODY = 'Action=GetCallerIdentity&Version=2011-06-15'

export interface CallerRequestOptions {
  /** Origin of the service that it is signed for. */
  readonly sts: string
  readonly audience: string
  /** Seconds since the epoch. */
  readonly now: number
  readonly credentials?: Credentials
  /** Further headers, or others; undefined leaves one out. */
  readonly headers?: Readonly<Record<string, string | undefined>>
  /** Names that the signature leaves out. */
  readonly unsigned?: readonly string[]
  readonly body?: string
}

export interface CallerRequest {
  readonly url: string
  readonly method: string
  readonly headers: readonly { readonly key: string; readonly value: string }[]
  readonly body: string
}

export function callerRequest(options: CallerRequestOptions): CallerRequest {
  const { sts, audience, now, credentials = CREDENTIALS, unsigned = [], body = BODY } = options
  const date = new Date(now * 1000).toISOString().replace(/[-:]|\.\d+/g, '')
  const all = {
    host: new URL(sts).host,
    'x-amz-date': date,
    'x-amz-security-token': 'the session token of the test',
    'x-cambist-audience': audience,
    ...options.headers,
  }
  const headers = Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [{ key, value }]))
  const names = headers.map(({ key }) => key).filter((key) => !unsigned.includes(key))
  const scope = `${date.slice(0, 8)}/eu-central-1/sts/aws4_request`
  const read = (name: string) => headers.find(({ key }) => key === name)?.value ?? ''
  const signature = signatureOf({ credentials, scope, names: names.sort(), read, body })
  const authorization = `AWS4-HMAC-SHA256 Credential=${credentials.id}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`
  return { url: `${sts}/`, method: 'POST', headers: [{ key: 'authorization', value: authorization }, ...headers], body }
}

function signatureOf({
  credentials,
  scope,
  names,
  read,
  body,
}: {
  credentials: Credentials
  scope: string
  names: readonly string[]
  read(name: string): string
  body: string
}): string {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
  const canonical = [
    'POST',
    '/',
    '',
    ...names.map((name) => `${name}:${read(name).trim()}`),
    '',
    names.join(';'),
    sha256(body),
  ].join('\n')
  const toSign = ['AWS4-HMAC-SHA256', read('x-amz-date'), scope, sha256(canonical)].join('\n')
  const key = scope
    .split('/')
    .reduce<string | Buffer>((derived, part) => hmac(derived, part), `AWS4${credentials.secret}`)
  return hmac(key, toSign).toString('hex')
}

/** What STS says of the caller of the sample. */
export function callerIdentity(changes: Readonly<Record<string, unknown>> = {}): object {
  const { account, arn, userid } = awsCallerIdentity.sample.claims
  const result = { Account: account, Arn: arn, UserId: userid, ...changes }
  return { GetCallerIdentityResponse: { GetCallerIdentityResult: result, ResponseMetadata: { RequestId: 'r-1' } } }
}

/** Whether the request is signed by the credentials, as STS would find out. */
export function isSigned(read: (name: string) => string, body: string, credentials = CREDENTIALS): boolean {
  const [, id, scope = '', names = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=(\w+)\/(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(read('authorization')) ?? []
  return id === credentials.id && signature === signatureOf({ credentials, scope, names: names.split(';'), read, body })
}

/** An STS. `answer` may be changed; it is asked for what a good signature is answered with. */
export function stsHandler(sts: { answer: () => { status: number; body: object } }): Handler {
  return (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const read = (name: string) => String(request.headers[name] ?? '')
      const body = Buffer.concat(chunks).toString()
      const good = request.method === 'POST' && request.url === '/' && body === BODY && isSigned(read, body)
      const { status, body: said } = good
        ? sts.answer()
        : { status: 403, body: { Error: { Code: 'SignatureDoesNotMatch', Type: 'Sender' } } }
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(said))
    })
  }
}
