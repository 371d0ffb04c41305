/** What the matrix does not show: credentials of the right kind, in the right place, that are refused all the same. */
import { setTimeout } from 'node:timers/promises'
import { ACCESS_TOKEN, type Brought, EC2_DOCUMENT, instanceId, JWT, MTLS, WANTED } from './credentials.ts'
import { asPortal, exchange } from './matrix.ts'
import { TrustDomain } from './platforms.ts'
import type { Cambist } from './server.ts'
import {
  certificateToken,
  send,
  type TokenAnswer,
  tokenRequest,
  WorkloadKey,
  withDpop,
  withIdentityToken,
  withWorkloadProof,
} from './workload.ts'
import type { World } from './world.ts'

export interface Refused {
  readonly name: string
  /** What is tried. */
  readonly what: string
  readonly reason: string
  try(): Promise<TokenAnswer>
}

const subject = (token: string, type = JWT) => ({ subject_token: token, subject_token_type: type })

/** `ownToken` mints a token of ours for the client portal; with a proof it is bound to the DPoP key. The last one ends the trust domain. */
export function refusalsOf(
  world: World,
  cambist: Cambist,
  ownToken: (prove?: Brought['prove']) => Promise<string>,
): readonly Refused[] {
  const { prod, gitlab, identityKey, dpopKey, svid } = world
  const { issuer, endpoint } = cambist
  const witSvid = () => prod.witSvid('shop/checkout', identityKey)
  return [
    {
      name: 'A WIT without a proof',
      what: 'whoever has seen the token in a header sends it',
      reason: 'confirmation_unproven',
      async try() {
        const token = await witSvid()
        return await exchange(cambist, { form: subject(token), prove: (request) => withIdentityToken(request, token) })
      },
    },
    {
      name: 'A WPT a second time',
      what: 'somebody who has read the request sends it again',
      reason: 'replayed',
      async try() {
        const token = await witSvid()
        const written = tokenRequest(endpoint, { ...subject(token), ...WANTED })
        const request = await withWorkloadProof(await withDpop(written, dpopKey), identityKey, token)
        const first = await send(request)
        if (first.status !== 200) throw new Error('the first time is granted')
        return await send(request)
      },
    },
    {
      name: 'A WPT with another DPoP proof',
      what: 'somebody in between puts his own in its place, for a token that is bound to his key',
      reason: 'proof_invalid',
      async try() {
        const token = await witSvid()
        const written = tokenRequest(endpoint, { ...subject(token), ...WANTED })
        const request = await withWorkloadProof(await withDpop(written, dpopKey), identityKey, token)
        return await send(await withDpop(request, new WorkloadKey()))
      },
    },
    {
      name: 'A WPT of another body',
      what: 'somebody in between asks for orders:write instead',
      reason: 'proof_invalid',
      async try() {
        const token = await witSvid()
        const written = tokenRequest(endpoint, { ...subject(token), ...WANTED })
        const request = await withWorkloadProof(written, identityKey, token)
        return await send({ ...request, body: request.body.replace('read', 'write') })
      },
    },
    {
      name: 'A WIT for a bearer token',
      what: 'proven, but without a key for what is issued, and no rule says changes: [unbind]',
      reason: 'change_denied',
      async try() {
        const token = await witSvid()
        return await exchange(cambist, {
          form: subject(token),
          prove: (request) => withWorkloadProof(request, identityKey, token),
        })
      },
    },
    {
      name: 'An SVID by another domain’s key',
      what: 'other.example signs a token for a workload of prod.example, under a key id of prod.example',
      reason: 'signature_invalid',
      async try() {
        const other = await TrustDomain.create('other.example')
        const token = await other.tokens.sign({ sub: prod.id('shop/checkout'), aud: [issuer] })
        return await exchange(cambist, { form: subject(token) })
      },
    },
    {
      name: 'A certificate without its key',
      what: 'certificates are public: this one comes as text, and the connection proves nothing',
      reason: 'confirmation_unproven',
      try: async () => await exchange(cambist, { form: subject(certificateToken(svid), MTLS) }),
    },
    {
      name: 'A bound token without its key',
      what: 'a DPoP-bound token of ours comes back as if it were a bearer token',
      reason: 'confirmation_unproven',
      async try() {
        const token = await ownToken((request) => withDpop(request, dpopKey))
        return await exchange(cambist, {
          form: { ...subject(token, ACCESS_TOKEN), ...(await asPortal(world, cambist)) },
        })
      },
    },
    {
      name: 'A stolen job token',
      what: 'firstUse: bind, and it comes a second time, with another key',
      reason: 'confirmation_unproven',
      async try() {
        const form = subject(await gitlab.token(issuer))
        const first = await exchange(cambist, { form, prove: (request) => withDpop(request, dpopKey) })
        if (first.status !== 200) throw new Error('the job itself is granted')
        return await exchange(cambist, { form, prove: (request) => withDpop(request, new WorkloadKey()) })
      },
    },
    {
      name: 'An instance for the second time',
      what: 'its identity document has enrolled a key, and comes again, with another',
      reason: 'replayed',
      async try() {
        const form = subject(world.ec2.document(instanceId()), EC2_DOCUMENT)
        const first = await exchange(cambist, { form, prove: (request) => withDpop(request, dpopKey) })
        if (first.status !== 200) throw new Error('the instance itself is granted')
        return await exchange(cambist, { form, prove: (request) => withDpop(request, new WorkloadKey()) })
      },
    },
    {
      name: 'A trust domain that is void',
      what: 'its bundle endpoint publishes an authentic bundle without keys, and is asked every half minute',
      reason: 'key_unknown',
      async try() {
        prod.void()
        // Refused with the first fetch: the cool-down of thirty seconds, and the poll behind it, end it (S-71).
        for (let tries = 0; tries < 80; tries++) {
          const answer = await exchange(cambist, { form: subject(await prod.jwtSvid('shop/checkout', issuer)) })
          if (answer.status !== 200) return answer
          await setTimeout(500)
        }
        throw new Error('the bundle was not fetched')
      },
    },
  ]
}
