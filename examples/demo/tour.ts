/** The first part of the tour: one exchange from beginning to end, and three that are refused. */
import { readFileSync } from 'node:fs'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { developmentCluster } from '../../src/quickstart.ts'
import { bold, code, decoded, dim, expect, fact, good, json, say, step, title } from './page.ts'
import { seconds } from './platforms.ts'
import type { Cambist, ExchangeRow } from './server.ts'
import { send, tokenRequest } from './workload.ts'
import { ORDERS } from './world.ts'

const JWT = 'urn:ietf:params:oauth:token-type:jwt'

/** What of a row is shown. */
const SHOWN = [
  ...['id', 'outcome', 'reason', 'client', 'subject', 'requested', 'granted', 'rules'],
  ...['tokenHash', 'subjectTokenHash', 'snapshotVersion'],
]

/** Of a line in the list of records. */
const line = ({ id, outcome, reason, client, tokenHash }: ExchangeRow): string =>
  [String(id).slice(0, 12), outcome.padEnd(8), reason.padEnd(18), String(client || '–').padEnd(9), tokenHash].join('  ')

export async function tour({ issuer, endpoint, directory, record }: Cambist): Promise<void> {
  const cluster = developmentCluster(directory)
  const podToken = (audience = issuer, serviceAccount = 'checkout') =>
    cluster.token({ audience, now: seconds(), lifetime: 3600, serviceAccount })
  const ask = async (form: Record<string, string>) =>
    await send(tokenRequest(endpoint, { subject_token_type: JWT, audience: ORDERS, ...form }))

  title('Cambist: a Kubernetes token in, a scoped access token out')
  say('A pod of the service account checkout must call the orders service. It holds nothing but the')
  say('token that Kubernetes mounted for it. No secret was registered, and no pod was either.')

  step('What comes in', 'the pod’s projected service-account token')
  const subjectToken = podToken()
  say(decoded(subjectToken))
  say(
    fact('It is meant for us', `aud is ${issuer}`),
    fact('It is no key to orders', 'the orders service would refuse it: wrong audience, wrong issuer'),
  )

  step('What allows it', 'four documents, from examples/quickstart, kept in PostgreSQL')
  const documents = ['trusted-issuer', 'client', 'target', 'policy'].map((name) =>
    // As they are applied at the first start: with the audience and the keys of this machine.
    readFileSync(`examples/quickstart/${name}.yaml`, 'utf8')
      .replace(/ {2}keys:\n[\s\S]*/, '  keys: { jwks: … }\n')
      .replace('http://127.0.0.1:8400', issuer)
      .replace(/^apiVersion.*\n/m, '')
      .trimEnd(),
  )
  say(code(documents.join('\n---\n')))

  step('The exchange', `POST ${endpoint}`)
  say(dim('grant_type=urn:ietf:params:oauth:grant-type:token-exchange'), dim(`subject_token_type=${JWT}`))
  say(dim(`subject_token=… audience=${ORDERS} scope=orders:read`), '')
  const granted = await ask({ subject_token: subjectToken, scope: 'orders:read' })
  expect(granted.status === 200, `the exchange answered ${granted.status} ${JSON.stringify(granted.body)}`)
  const accessToken = String(granted.body['access_token'])
  say(json({ ...granted.body, access_token: `${accessToken.slice(0, 24)}…` }))

  step('What goes out', 'an RFC 9068 access token')
  say(decoded(accessToken))

  step('What the orders service does', 'jose verifies it, with the keys from /jwks')
  const jwks = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const { payload, protectedHeader } = await jwtVerify(accessToken, jwks, { issuer, audience: ORDERS, typ: 'at+jwt' })
  const said = payload['scope'] === 'orders:read' && protectedHeader.alg === 'ES256'
  expect(said, 'the token does not say what was granted')
  say(good(`verified with key ${protectedHeader.kid}`))
  say(
    fact('who', String(payload.sub)),
    fact('through which client', String(payload['client_id'])),
    fact('may', String(payload['scope'])),
    fact('for', `${(payload.exp ?? 0) - (payload.iat ?? 0)} seconds`),
  )

  const refusals = [
    {
      name: 'More than the policy says',
      why: 'the same pod asks to write orders',
      reason: 'scope_denied',
      form: { subject_token: podToken(), scope: 'orders:write' },
    },
    {
      name: 'A token meant for somebody else',
      why: 'whoever was sent the pod’s token for the API server tries it here',
      reason: 'audience_mismatch',
      form: { subject_token: podToken('https://kubernetes.default.svc') },
    },
    {
      name: 'A neighbour that no document names',
      why: 'a pod of the service account reports, same cluster, same namespace',
      reason: 'client_unknown',
      form: { subject_token: podToken(issuer, 'reports') },
    },
  ] as const
  step('Three refusals', 'the caller reads what to do; the administrator reads why')
  const rows = [await record(granted.id)]
  for (const { name, why, form, reason } of refusals) {
    const { id, status, body } = await ask(form)
    const row = await record(id)
    rows.push(row)
    say(bold(name), dim(why), fact('the caller', `${status} ${body['error']}: ${body['error_description']}`))
    say(fact('the record', `${row.reason}: ${row.detail}`), '')
    expect(status >= 400 && row.reason === reason, `${name}: ${row.reason}`)
  }

  step('The record', 'one row for each of them, written before the answer left; hashes, never tokens')
  expect(!JSON.stringify(rows).includes(accessToken.split('.')[2] ?? ''), 'the record holds a token')
  say(...rows.map(line), '', json(Object.fromEntries(SHOWN.map((name) => [name, rows[0]?.[name]]))))
}
