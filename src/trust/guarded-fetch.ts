/**
 * The one way out to the network (T26 to T28, F8, JV-08). It is used for the keys of issuers that an administrator named,
 * and to ask such an issuer about a credential of its own; never for an address that a token says.
 */
import { type LookupAddress, lookup as systemLookup } from 'node:dns'
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls'
import type { Secret } from '../lib/secret.ts'
import { maxAgeOf, refusalOf } from './fetch-answer.ts'
import { codeOf, FetchFailure, failureOf } from './fetch-failure.ts'
import { type FetchTarget, fetchTarget } from './fetch-target.ts'
import { isPublicAddress } from './public-address.ts'
import type { SpiffeServer } from './spiffe-endpoint.ts'

/** A secret with the one host it may be sent to: `host`, or `host:port` where the port is not 443. */
export interface BoundSecret {
  readonly host: string
  readonly token: Secret
}

export interface FetchRequest {
  readonly accept: string
  /** Trust anchors (PEM) for this fetch, instead of those of the system (P-17). */
  readonly ca?: string
  /** The server is known by its SPIFFE ID, instead of by its name and the anchors of the system (S-86). */
  readonly spiffe?: SpiffeServer
  /** Sent as bearer token. Without it no Authorization header goes out (K-6). */
  readonly bearer?: BoundSecret
  /** Ends the fetch from outside; its reason should be a FetchFailure. */
  readonly signal?: AbortSignal
  /** GET where it is left out. Only a POST has a body. */
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  readonly contentType?: 'application/json' | FormType
  /** Headers of a request that somebody else has signed, sent as they were signed; no other header can be set. */
  readonly signedHeaders?: Readonly<Partial<Record<SignedHeader, string>>>
  /** Statuses that are an answer; 200 alone where it is left out. */
  readonly statuses?: readonly number[]
  /** Media types that an answer may have, without parameters; JSON and JWK Sets where it is left out. */
  readonly mediaTypes?: readonly string[]
}

/** Whoever signs the header signs one of its spellings. */
export type FormType = 'application/x-www-form-urlencoded' | 'application/x-www-form-urlencoded; charset=utf-8'

/** What AWS Signature Version 4 is carried in, and the name of the relying party that is signed with it (T8). */
const SIGNED_HEADERS = [
  'authorization',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'x-cambist-audience',
] as const
export type SignedHeader = (typeof SIGNED_HEADERS)[number]

export interface Fetched {
  readonly body: Buffer
  /** Seconds that the answer may be kept, as it says itself; undefined where it does not say. */
  readonly maxAge: number | undefined
}

/** Rejects with FetchFailure, and with nothing else. */
export type Fetch = (url: string, request: FetchRequest) => Promise<Fetched>

/** All addresses of a name. Rejects where it has none. */
export type Resolve = (hostname: string) => Promise<readonly LookupAddress[]>

export interface FetchRules {
  /** Lower-case `host:port` that may be reached over http and on private addresses. */
  readonly insecure: ReadonlySet<string>
  readonly resolve?: Resolve
  /** Bytes of a body, counted while they come (P-12). */
  readonly bytes?: number
  /** Milliseconds for everything from the name to the last byte (F8). */
  readonly milliseconds?: number
}

const MAX_BYTES = 256 * 1024
const DEADLINE = 3000
/** Of one name: more are an attempt at something. */
const MAX_ADDRESSES = 32
/** Certificates that a server may present. */
const MAX_CHAIN = 10

/** Makes the way out. Each fetch resolves anew, checks every address, and connects to an address it has checked, on a connection of its own. */
export function guardedFetch(rules: FetchRules): Fetch {
  const { insecure, resolve = resolveBySystem, bytes = MAX_BYTES, milliseconds = DEADLINE } = rules
  return async (url, request) => {
    const target = fetchTarget(url, insecure)
    if (request.spiffe !== undefined && !target.https)
      throw new FetchFailure(
        'url',
        `${target.url} must begin with https://, since its server is known by its SPIFFE ID`,
      )
    if (request.bearer !== undefined) checkBearer(target, request.bearer)
    const ending = new AbortController()
    const deadline = setTimeout(() => {
      ending.abort(
        new FetchFailure('deadline', `${target.address} did not answer completely within ${milliseconds} ms`),
      )
    }, milliseconds)
    const signal = request.signal === undefined ? ending.signal : AbortSignal.any([ending.signal, request.signal])
    try {
      const addresses = await checkedAddresses(target, resolve, signal)
      return await exchange(target, request, addresses, bytes, signal)
    } catch (error) {
      throw error instanceof FetchFailure ? error : failureOf(error, target)
    } finally {
      clearTimeout(deadline)
    }
  }
}

const resolveBySystem: Resolve = (hostname) =>
  new Promise((done, failed) => {
    systemLookup(hostname, { all: true, order: 'verbatim' }, (error, addresses) =>
      error === null ? done(addresses) : failed(error),
    )
  })

function checkBearer(target: FetchTarget, { host }: BoundSecret): void {
  if (!target.https) throw new FetchFailure('secret', `a secret is not sent to ${target.address} over http`)
  const address = /:\d+$/.test(host) ? host : `${host}:443`
  if (address.toLowerCase() !== target.address) {
    throw new FetchFailure(
      'secret',
      `the secret may be sent to ${host} only, and this request is for ${target.address}`,
    )
  }
}

/** Every address of the name must be allowed, so that an answer cannot hide one among others (T26, T27). */
async function checkedAddresses(target: FetchTarget, resolve: Resolve, signal: AbortSignal): Promise<LookupAddress[]> {
  const literal = isIP(target.hostname)
  if (literal !== 0) return [{ address: target.hostname, family: literal }]
  const found = await Promise.race([
    resolve(target.hostname).catch((error: unknown) => {
      throw new FetchFailure('dns', `the name ${target.hostname} cannot be resolved (${codeOf(error)})`)
    }),
    ended(signal),
  ])
  if (found.length === 0 || found.length > MAX_ADDRESSES) {
    throw new FetchFailure('dns', `the name ${target.hostname} has ${found.length} addresses`)
  }
  for (const { address } of found) {
    if (isIP(address) === 0)
      throw new FetchFailure('dns', `the name ${target.hostname} leads to something that is no address`)
    if (!target.insecure && !isPublicAddress(address)) {
      throw new FetchFailure(
        'address',
        `the name ${target.hostname} leads to ${address}, which is not a public address; list ${target.address} in CAMBIST_INSECURE_FETCH to allow it`,
      )
    }
  }
  return found.map(({ address }) => ({ address, family: isIP(address) }))
}

function ended(signal: AbortSignal): Promise<never> {
  return new Promise((_, failed) => {
    if (signal.aborted) failed(signal.reason)
    else signal.addEventListener('abort', () => failed(signal.reason), { once: true })
  })
}

/** One request on a connection of its own. Every event by which a hostile server could end it leads to one rejection (T28, T44). */
function exchange(
  target: FetchTarget,
  asked: FetchRequest,
  addresses: LookupAddress[],
  bytes: number,
  signal: AbortSignal,
): Promise<Fetched> {
  const { ca, spiffe, method = 'GET' } = asked
  const body = method === 'POST' ? (asked.body ?? '') : undefined
  const settings = {
    method,
    host: target.hostname,
    port: target.port,
    path: target.path,
    lookup: pinned(addresses),
    maxHeaderSize: 16 * 1024,
    insecureHTTPParser: false,
    headers: headersOf(asked, body),
  }
  const agent = target.https
    ? new HttpsAgent({ keepAlive: false, maxCachedSessions: 0 })
    : new HttpAgent({ keepAlive: false })
  return new Promise<Fetched>((done, failed) => {
    const request = target.https
      ? httpsRequest({
          ...settings,
          agent,
          // 1.3 has no renegotiation and no weak suites; whoever publishes keys on the web has had it since 2018 (T28).
          minVersion: 'TLSv1.3',
          rejectUnauthorized: true,
          ...(isIP(target.hostname) === 0 ? { servername: target.hostname } : {}),
          ...(ca === undefined ? {} : { ca }),
          ...(spiffe === undefined ? {} : knownById(spiffe)),
        })
      : httpRequest({ ...settings, agent })
    const stop = () => fail(signal.reason)
    const finish = () => {
      signal.removeEventListener('abort', stop)
      request.destroy()
      agent.destroy()
    }
    const interrupted = new FetchFailure(
      'interrupted',
      `${target.address} closed the connection before its answer was complete`,
    )
    const fail = (error: unknown) => {
      failed(error instanceof FetchFailure ? error : failureOf(error, target))
      finish()
    }
    request.on('error', fail)
    request.on('upgrade', () => fail(new FetchFailure('status', `${target.address} answered with another protocol`)))
    request.on('close', () => fail(interrupted))
    request.on('response', (response) => {
      response.on('error', (error) => {
        const failure = failureOf(error, target)
        fail(failure.code === 'connect' ? interrupted : failure)
      })
      const refusal = refusalOf(response, target, bytes, asked)
      if (refusal !== undefined) {
        fail(refusal)
        return
      }
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > bytes) fail(new FetchFailure('too_large', `${target.address} sent more than ${bytes} bytes`))
        else chunks.push(chunk)
      })
      response.on('end', () => {
        if (!response.complete) {
          fail(
            new FetchFailure('interrupted', `${target.address} closed the connection before its answer was complete`),
          )
          return
        }
        done({ body: Buffer.concat(chunks), maxAge: maxAgeOf(response) })
        finish()
      })
    })
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
    else request.end(body)
  })
}

/** No session is ever resumed here, so the chain is judged on every connection, before a byte of the request is sent. */
function knownById(server: SpiffeServer) {
  return {
    ca: [...server.ca],
    // What a bundle holds is trusted as it stands, self-signed or not (S-29).
    allowPartialTrustChain: true,
    checkServerIdentity: (_name: string, leaf: PeerCertificate) => server.fault(chainOf(leaf)),
  }
}

function chainOf(leaf: PeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = []
  let one: Partial<DetailedPeerCertificate> | undefined = leaf
  while (one?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(one.raw)
    one = one.issuerCertificate === one ? undefined : one.issuerCertificate
  }
  return chain
}

/** A header that is not of the list is left out, whoever hands it in. */
function headersOf({ accept, bearer, contentType, signedHeaders = {} }: FetchRequest, body: string | undefined) {
  const signed = SIGNED_HEADERS.flatMap((name) => {
    const value = signedHeaders[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(signed),
    accept,
    'accept-encoding': 'identity',
    'user-agent': 'cambist',
    connection: 'close',
    ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer.token.reveal()}` }),
    ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
    ...(body === undefined || contentType === undefined ? {} : { 'content-type': contentType }),
  }
}

/** Answers with the addresses that were checked, whoever asks again: a name cannot change between check and connection (T27). */
function pinned(addresses: LookupAddress[]): LookupFunction {
  return (_hostname, options, answer) => {
    const [first] = addresses
    if (options.all === true) answer(null, addresses)
    else answer(null, first?.address ?? '', first?.family)
  }
}
