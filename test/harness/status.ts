import { createLocalJWKSet, type JSONWebKeySet, jwtVerify } from 'jose'
import type { TestServer } from './cambist.ts'
import { readStatusList } from './status-list.ts'
import { type Claims, decode } from './tokens.ts'

/** Where the status of a token stands, as the token says; undefined where it says nothing. */
export function statusOf(token: string): { readonly idx: number; readonly uri: string } | undefined {
  const { status } = decode(token).claims as { status?: { status_list: { idx: number; uri: string } } }
  return status?.status_list
}

/** The list of that URI at a node, verified with the keys that it publishes, as a relying party does (draft-ietf-oauth-status-list-20 §8.3). */
export async function verifiedList(at: TestServer, uri: string): Promise<Claims & { status_list: Claims }> {
  const response = await at.get(new URL(uri).pathname)
  if (response.status !== 200) throw new Error(`${uri} answered ${response.status}: ${await response.text()}`)
  const jwks = (await (await at.get('/jwks')).json()) as JSONWebKeySet
  const { payload } = await jwtVerify(await response.text(), createLocalJWKSet(jwks), {
    typ: 'statuslist+jwt',
    subject: uri,
    requiredClaims: ['iat', 'exp', 'ttl', 'status_list'],
    currentDate: new Date(at.clock.now()),
  })
  return payload as Claims & { status_list: Claims }
}

/** Whether a node's list says of a token that it was revoked. */
export async function isRevoked(at: TestServer, token: string): Promise<boolean> {
  const status = statusOf(token)
  if (status === undefined) throw new Error('the token names no status list')
  const { status_list: list } = await verifiedList(at, status.uri)
  const value = readStatusList(list).at(status.idx)
  if (value === undefined) throw new Error(`the list has no index ${status.idx}`)
  return value !== 0
}
