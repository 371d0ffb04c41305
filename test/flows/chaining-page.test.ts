/** docs/chaining.md: its documents are put into force at two servers, and its two requests are sent. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Form, startCambist, TestClock } from '../harness/cambist.ts'
import { asClient, claimsOf, issued } from '../harness/domains.ts'
import { Cluster, SigningKey } from '../harness/tokens.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'chaining.md'), 'utf8')
const clock = new TestClock()
const names = { a: 'https://cambist.a.example', b: 'https://cambist.b.example' }
const a = await startCambist({ clock, env: { CAMBIST_TRUST_DOMAIN: 'a.example' } })
const b = await startCambist({
  clock,
  env: { CAMBIST_TRUST_DOMAIN: 'b.example', CAMBIST_INSECURE_FETCH: new URL(a.issuer).host },
})
/** What the page says, of the servers that there are. */
const here = (text: string): string => text.replaceAll(names.a, a.issuer).replaceAll(names.b, b.issuer)
const blocks = (language: string): readonly string[] =>
  [...PAGE.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, block = '']) => here(block))
/** The parameters of a request of the page, with those given in place of what is read from files and variables. */
const formOf = (curl: string, own: Form): Form => ({
  ...Object.fromEntries([...curl.matchAll(/ -d (\w+)=(?!")(\S+)/g)].map(([, name = '', value = '']) => [name, value])),
  ...own,
})

it('the documents and requests of the page chain two domains', async () => {
  const cluster = new Cluster({ issuer: 'https://oidc.a.example', audience: a.issuer, now: clock.seconds })
  const key = new SigningKey('ES256')
  const written = blocks('yaml').map((block) =>
    block
      .replace(/(issuer: https:\/\/oidc\.a\.example\n {2}keys: ).*\n/, `$1${JSON.stringify({ jwks: cluster.jwks })}\n`)
      .replace('jwksUri: https://checkout.a.example/jwks', `jwks: ${JSON.stringify({ keys: [key.jwk] })}`),
  )
  for (const [index, server] of [a, b].entries()) {
    const answer = await fetch(`${server.admin}/admin/v1/apply?confirm=true`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${server.adminToken}`, 'Content-Type': 'application/yaml' },
      body: written[index] ?? '',
    })
    expect([answer.status, await answer.text()]).toEqual([200, expect.any(String)])
  }

  const [atA = '', atB = ''] = blocks('sh')
  const grant = await a.token(formOf(atA, { subject_token: cluster.token() }))
  const [shown = '{}'] = blocks('json')
  expect(grant.body).toEqual({ ...JSON.parse(shown), access_token: expect.any(String) })
  expect(claimsOf(grant)).toMatchObject({ aud: b.issuer, sub: 'checkout', team: 'shop', client_id: 'a-checkout' })
  const answer = await b.token(formOf(atB, { assertion: issued(grant), ...asClient(b, 'a-checkout', key) }))
  expect(answer.body).toMatchObject({ token_type: 'Bearer', scope: 'orders:read' })
  expect(claimsOf(answer)).toMatchObject({ sub: 'wimse://b.example/partner-a/checkout', client_id: 'a-checkout' })
})
