/** The part for administrators: a refusal explained, its remedy tested, tried on what was asked, in shadow, in force, and taken back; one pod kept out. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { developmentCluster } from '../../src/quickstart.ts'
import { bad, code, dim, expect, fact, good, say, step, title } from './page.ts'
import { seconds } from './platforms.ts'
import type { Cambist, ExchangeRow } from './server.ts'
import { send, type TokenAnswer, tokenRequest } from './workload.ts'
import { ORDERS } from './world.ts'

/** One command of this part, for a script: what was typed, how it ended, and what it printed. */
export interface Typed {
  readonly command: string
  readonly code: number | null
  readonly output: string
}

const POLICY = `apiVersion: cambist/v1
kind: Policy
metadata: { name: checkout-writes-orders }
spec:
  clients: [checkout]
  subject: { issuers: [development-cluster], match: { serviceaccount: [checkout] } }
  targets: [orders]
  scopes: [orders:write]
`

const CASES = `cases:
  - name: checkout may write orders
    facts:
      subject:
        issuer: development-cluster
        subject: system:serviceaccount:shop:checkout
        attributes: { namespace: shop, serviceaccount: checkout }
      audiences: [${ORDERS}]
      scopes: [orders:write]
    expect: { verdict: permitted, rule: checkout-writes-orders }
  - name: and its neighbour may not
    facts:
      subject:
        issuer: development-cluster
        subject: system:serviceaccount:shop:reports
        attributes: { namespace: shop, serviceaccount: reports }
      audiences: [${ORDERS}]
      scopes: [orders:write]
    expect: { verdict: refused, reason: client_unknown }
`

/** Two pods of the service account checkout; the first is the one that somebody takes over. */
const PODS = ['11111111-8a51-4b1c-bb55-2f6a3f9f3c11', '22222222-8a51-4b1c-bb55-2f6a3f9f3c22'] as const

/** As a shell takes it for one word. */
const asTyped = (text: string): string => (text.includes(' ') ? `"${text}"` : text)

/** Over the documents of the quickstart. `tell`: in words, where somebody reads them. */
export async function administrators(cambist: Cambist, tell: boolean): Promise<readonly Typed[]> {
  const { issuer, endpoint, directory, record } = cambist
  const draft = join(directory, 'draft')
  const base = join(directory, 'in-force.yaml')
  const typed: Typed[] = []
  const told: typeof say = (...lines) => (tell ? say(...lines) : undefined)
  const next: typeof step = (name, what) => (tell ? step(name, what) : undefined)

  const cluster = developmentCluster(directory)
  const ask = async (scope: string, pod: string = PODS[0]): Promise<TokenAnswer> => {
    const token = cluster.token({ audience: issuer, now: seconds(), lifetime: 3600, pod })
    const form = { subject_token: token, subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }
    return await send(tokenRequest(endpoint, { ...form, audience: ORDERS, scope }))
  }
  /** Types a command, shows what it prints, and holds it to what must stand there. */
  const run = async (args: readonly string[], ...holds: readonly string[]): Promise<string> => {
    const { code: ended, out, err } = await cambist.command(...args)
    const command = `cambist ${args.map(asTyped).join(' ')}`.replaceAll(`${directory}/`, '')
    const output = [out, err].filter((part) => part !== '').join('')
    typed.push({ command, code: ended, output })
    told(`$ ${command}`, code(output.trimEnd()), '')
    for (const held of holds)
      expect(output.includes(held), `${command} does not say ${JSON.stringify(held)}:\n${output}`)
    expect(ended === 0, `${command} ended with ${ended}:\n${output}`)
    return output
  }
  const granted = (what: string, { status, body }: TokenAnswer): void => {
    expect(status === 200, `${what}: ${status} ${JSON.stringify(body)}`)
    told(good(`${what}: ${body['scope']}`))
  }
  const refused = async (what: string, { id, status, body }: TokenAnswer, reason: string): Promise<ExchangeRow> => {
    const row = await record(id)
    expect(status >= 400 && row.reason === reason, `${what}: ${status} ${row.reason}: ${row.detail}`)
    told(bad(`${what}: ${body['error']}`), dim(`  the record: ${row.reason}: ${row.detail}`))
    return row
  }

  if (tell) title('What is allowed is written once')
  told('The checkout service must now write orders, too. It asks, and is refused. An administrator')
  told('finds out why, and changes what is allowed, without guessing and without a surprise.')
  for (let times = 0; times < 3; times++) granted('checkout reads orders', await ask('orders:read'))
  for (let times = 0; times < 2; times++)
    await refused('checkout writes orders', await ask('orders:write'), 'scope_denied')
  const { id } = await ask('orders:write')

  next('Why was it refused', 'judged again from the record; nothing is minted')
  await run(['explain', id], 'orders:write', 'checkout-reads-orders')

  next('A draft, with its test', 'beside each other in git')
  mkdirSync(draft)
  writeFileSync(join(draft, 'checkout-writes-orders.yaml'), POLICY)
  writeFileSync(join(draft, 'checkout-writes-orders.test.yaml'), CASES)
  told(code(POLICY.trimEnd()), '', code(CASES.trimEnd()), '')
  writeFileSync(base, (await cambist.command('export')).out)
  await run(['test', '-f', base, '-f', draft], 'checkout may write orders')

  next('What would it have changed', 'the requests that were really made, judged by the draft')
  await run(['diff', '-f', draft, '--replay', '1h'], 'checkout-writes-orders')

  next('In shadow first', 'judged and recorded with every request, and without effect')
  const shadow = join(directory, 'shadow.yaml')
  writeFileSync(shadow, POLICY.replace('spec:\n', 'spec:\n  mode: shadow\n'))
  await run(['apply', '-f', shadow, '--message', 'checkout writes orders, in shadow'], 'created')
  const { shadow: noted } = await refused('checkout writes orders', await ask('orders:write'), 'scope_denied')
  expect(
    JSON.stringify(noted).includes('checkout-writes-orders'),
    'the record does not say what the rule in shadow said',
  )
  await run(['audit', 'shadow', '--since', '1h'], 'checkout-writes-orders')

  next('In force', 'on every node when it is acknowledged')
  await run(['apply', '-f', draft, '--message', 'checkout writes orders'], 'updated')
  granted('checkout writes orders', await ask('orders:write'))

  next('And back', 'every version stays in the history')
  const history = JSON.parse((await cambist.command('history', '--output', 'json')).out) as {
    readonly items: readonly { readonly version: number }[]
  }
  await run(['history', '--limit', '3'], 'checkout writes orders, in shadow')
  await run(['rollback', String((history.items[1]?.version ?? 1) - 1), '--yes'], 'checkout-writes-orders')
  await refused('checkout writes orders', await ask('orders:write'), 'scope_denied')

  next('One pod is taken over', 'it alone is kept out, and what it was given is taken back')
  for (const pod of PODS) granted(`pod ${pod.slice(0, 8)} reads orders`, await ask('orders:read', pod))
  const blocked = await run(['block', 'instance', PODS[0], '--reason', 'taken over', '--expires', '24h'], 'taken over')
  await refused(`pod ${PODS[0].slice(0, 8)} reads orders`, await ask('orders:read', PODS[0]), 'blocked')
  granted(`pod ${PODS[1].slice(0, 8)} reads orders, its neighbour`, await ask('orders:read', PODS[1]))
  const [, block = ''] = /^id +([0-9a-f-]{36})/m.exec(blocked) ?? []
  told('', fact('When it has been dealt with', 'the block is lifted'))
  await run(['block', 'remove', block])
  granted(`pod ${PODS[0].slice(0, 8)} reads orders again`, await ask('orders:read', PODS[0]))
  told('')
  return typed
}
