import { describe, expect, it } from 'vitest'
import type { Reason } from '../../src/refusal.ts'
import { type Answer, startCambist } from '../harness/cambist.ts'
import { expectWireOf } from '../harness/refusal.ts'
import { type Claims, TYPE } from '../harness/tokens.ts'

const server = await startCambist()
const { cluster, clock, issuer: us } = server
const FORM = 'application/x-www-form-urlencoded'
const good = () =>
  new URLSearchParams({
    grant_type: TYPE.exchange,
    subject_token: cluster.token(),
    subject_token_type: TYPE.jwt,
    audience: 'https://orders.example',
  }).toString()

async function send(
  body: string,
  { type = FORM, query = '' }: { type?: string; query?: string } = {},
): Promise<[status: number, reason: unknown]> {
  const response = await fetch(`${us}/token${query}`, { method: 'POST', body, headers: { 'content-type': type } })
  const id = response.headers.get('cambist-request-id') ?? ''
  const answer: Answer = {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Claims,
    id,
  }
  const { reason } = await server.record(id)
  if (answer.status !== 200) expectWireOf(answer, reason as Reason)
  clock.advance(0.2)
  return [answer.status, reason]
}

describe('T31 parameters that come twice, or from elsewhere', () => {
  it.each([
    'grant_type=x',
    'subject_token=x',
    'subject%5ftoken=x',
    '%73ubject_token=x',
    'scope=',
    'client_id=a&client_id=a',
    'scope=a&scope=b',
    'x=1&x=1',
    'subject_token_type=',
  ])('refuses %s behind a good form that has it already', async (more) => {
    const first = more.includes('&') ? '' : `&${decodeURIComponent(more.split('=')[0] ?? '')}=x`
    const body = good().includes(`${decodeURIComponent(more.split('=')[0] ?? '')}=`)
      ? `${good()}&${more}`
      : `${good()}${first}&${more}`
    expect(await send(body)).toEqual([400, 'parameter_repeated'])
  })

  it('knows no other separator, no brackets and no second way to write a name', async () => {
    expect(await send(`${good()};audience=https://evil.example`)).toEqual([400, 'target_unknown'])
    expect(await send(`${good()}&audience%5B%5D=https://evil.example&audience[0]=x&AUDIENCE=x&audience.x=y`)).toEqual([
      200,
      'granted',
    ])
    expect(await send(`${good()}& audience=https://evil.example`)).toEqual([200, 'granted'])
    expect(await send(good().replace('audience=', 'Audience='))).toEqual([400, 'target_required'])
    expect(await send(`&&${good()}&&`)).toEqual([200, 'granted'])
    // All of it is one grant_type then, and a token stands in it, which is not repeated (I8).
    expect(await send(good().replaceAll('&', ';'))).toEqual([400, 'parameter_malformed'])
  })

  it('takes every one of several audiences for asked, and none for the one that counts', async () => {
    expect(await send(`${good()}&audience=https://evil.example`)).toEqual([400, 'target_unknown'])
    expect(await send(`${good()}&resource=https://evil.example/api`)).toEqual([400, 'target_unknown'])
    expect(await send(`${good()}&audience=https://orders.example`)).toEqual([200, 'granted'])
  })

  it.each([
    'subject_token=x',
    'audience=https://evil.example',
    'scope=orders:write',
    'client_id=x',
    '%73cope=x',
    'x=1&grant_type=x',
    'actor_token',
    'client_secret=x',
    'code=x',
  ])('refuses ?%s in the URL', async (query) => {
    expect(await send(good(), { query: `?${query}` })).toEqual([400, 'parameter_in_query'])
  })

  it('ignores what is no parameter of OAuth in the URL', async () => {
    expect(await send(good(), { query: '?client-request-id=x&Scope=x&api-version=1' })).toEqual([200, 'granted'])
    expect(await send(good(), { query: '?' })).toEqual([200, 'granted'])
    expect(await send('', { query: `?x=1` })).toEqual([400, 'parameter_missing'])
  })

  it.each([
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded-x',
    'x/application/x-www-form-urlencoded',
    `${FORM}; charset=utf-7`,
    `${FORM}; charset=utf-16`,
    `${FORM}; charset=iso-8859-1`,
    `application/json, ${FORM}`,
    `${FORM}, application/json`,
    '*/*',
  ])('refuses a body of type %s', async (type) => {
    expect(await send(good(), { type })).toEqual([415, 'media_type'])
  })

  it('does not read JSON under the name of a form', async () => {
    const json = JSON.stringify({ grant_type: TYPE.exchange, subject_token: cluster.token() })
    expect(await send(json)).toEqual([400, 'parameter_missing'])
  })

  it('refuses what another grant would take, and never answers another grant than was asked (T24)', async () => {
    for (const name of [
      'assertion',
      'code',
      'refresh_token',
      'username',
      'password',
      'device_code',
      'redirect_uri',
      'client_secret',
    ]) {
      expect(await send(`${good()}&${name}=x`)).toEqual([400, 'parameter_unexpected'])
      expect(await send(`${good()}&${name}=`)).toEqual([200, 'granted'])
    }
    expect(await send(`${good()}&actor_token=x`)).toEqual([400, 'parameter_missing'])
    expect(await send(`${good()}&actor_token_type=${TYPE.jwt}`)).toEqual([400, 'parameter_missing'])
    expect(await send(`${good()}&actor_token=&actor_token_type=`)).toEqual([200, 'granted'])
    // Read as another grant, a request has parameters that that one does not take.
    for (const grant of ['client_credentials', TYPE.jwtBearer]) {
      const form = new URLSearchParams(good())
      form.set('grant_type', grant)
      expect(await send(String(form))).toEqual([400, 'parameter_unexpected'])
    }
    for (const grant of [
      'password',
      'authorization_code',
      `${TYPE.exchange} `,
      TYPE.exchange.toUpperCase(),
      '__proto__',
    ]) {
      expect(await send(good().replace(encodeURIComponent(TYPE.exchange), encodeURIComponent(grant)))).toEqual([
        400,
        'grant_unsupported',
      ])
    }
  })
})
