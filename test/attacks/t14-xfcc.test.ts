import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Answer, startCambist } from '../harness/cambist.ts'
import { makeChain, written } from '../harness/client-chain.ts'
import { formOf, postLines } from '../harness/post.ts'
import { sha256 } from '../harness/proofs.ts'
import { expectRefusal } from '../harness/refusal.ts'
import { decode } from '../harness/tokens.ts'

/** T14: the header of a trusted Envoy, as somebody could have it written who speaks to that Envoy. */
const server = await startCambist({
  env: { CAMBIST_TRUSTED_PROXIES: '127.0.0.1', CAMBIST_CLIENT_CERT_HEADER: 'xfcc' },
})
const [client, victim] = [await makeChain(1), await makeChain(1)]
const part = ({ der, pem }: typeof client) => {
  const [leaf = Buffer.alloc(0)] = der
  return `Hash=${createHash('sha256').update(leaf).digest('hex')};Cert="${written.envoy(pem[0] ?? '')}"`
}
const [good, stolen] = [part(client), part(victim)]
const send = (value: string | readonly string[]): Promise<Answer> =>
  postLines(server, formOf(server).toString(), { 'X-Forwarded-Client-Cert': value })
const boundTo = ({ body }: Answer) => decode(String(body['access_token'])).claims['cnf']
const [leaf = Buffer.alloc(0)] = client.der

describe('X-Forwarded-Client-Cert', () => {
  it.each([
    ['nothing else', good],
    ['By and Subject', `By=spiffe://prod.example/edge;${good};Subject="CN=checkout"`],
    ['a Subject that looks like more', `By=x;${good};Subject="CN=a,b;c\\"=d"`],
    ['a Subject that looks like a certificate', `${good};Subject="CN=x\\",${stolen.replaceAll('"', '\\"')}"`],
  ])('XF-06: is read by its quotes: with %s the token is bound to the certificate of Cert', async (_, value) => {
    const answer = await send(value)
    expect(answer.status).toBe(200)
    expect(boundTo(answer)).toEqual({ 'x5t#S256': sha256(leaf) })
  })

  it.each<readonly [string, string | readonly string[]]>([
    ['XF-04: with an element in front', `${stolen},${good}`],
    ['XF-04: with an element behind', `${good},${stolen}`],
    ['XF-04: with an element without a certificate', `URI=spiffe://prod.example/admin,${good}`],
    ['XF-04, XF-06: in two lines', [good, stolen]],
    ['XF-06: in two lines of one element', [`By=x;${good};Subject="CN=a`, 'b"']],
    ['XF-06: with a quote that does not close', `${good};Subject="CN=a`],
    ['XF-06: with a quote that closes early', `${good};Subject="CN=a"b`],
    ['XF-05: with a name alone', 'By=x;URI=spiffe://prod.example/admin'],
    ['XF-05: with a hash alone', String(good.split(';')[0])],
    ['XF-05: with the hash of another', `${stolen.split(';')[0]};${good.split(';')[1]}`],
    ['XF-05: with two certificates', `${good};${stolen.split(';')[1]}`],
  ])('%s is refused', async (_, value) => {
    const refused = { status: 400, error: 'invalid_request', reason: 'certificate_header' } as const
    await expectRefusal(server, await send(value), refused)
  })
})
