import type { ClientIndex } from '../clients/contract.ts'
import type { GrantTerms } from '../credentials/contract.ts'
import { ID_TOKEN_TYPE } from '../lib/token-types.ts'
import type { Facts } from '../policy/contract.ts'
import type { Descent } from './descent.ts'
import type { Parties } from './parties.ts'
import type { ExchangeRequest } from './request.ts'

/** What facts are judged with. `now` is seconds since the epoch. */
interface Judged {
  readonly ourIssuer: string
  readonly clients: Pick<ClientIndex, 'isMeantBy'>
  readonly now: number
}

/**
 * What the evaluator sees. The actor is the actor token's principal, else the client; client and subject being the same
 * principal, nobody acts for anybody (interfaces.md, "Delegation").
 */
export function factsOf(
  request: ExchangeRequest,
  { client, subject, actor, actorIssuer, possession }: Parties,
  { path }: Descent,
  { ourIssuer, clients, now }: Judged,
): Facts {
  const acting = actor?.principal ?? client.principal
  const held = subject.ours?.authorizationDetails ?? subject.grant?.authorizationDetails
  return {
    grant: request.grant,
    client,
    subject: subject.principal,
    ...(acting.id === subject.principal.id ? {} : { actor: acting }),
    actors: subject.actors,
    ...(subject.mayAct === undefined
      ? {}
      : {
          mayAct: {
            members: subject.mayAct,
            issuer: subject.issuer.authority,
            ...(actorIssuer === undefined ? {} : { actorIssuer }),
          },
        }),
    ...(subject.ours === undefined
      ? {}
      : { subjectAudiences: subject.audiences, subjectClient: subject.ours.client, path }),
    ...(subject.unproven === undefined ? {} : { subjectUnproven: true }),
    ...(held === undefined ? {} : { subjectDetails: held }),
    ...(subject.grant === undefined ? {} : boundsOf(subject.grant)),
    ...(subject.ours === undefined && isIssuedToAnother(subject, ourIssuer, clients)
      ? { issuedTo: subject.audiences }
      : {}),
    audiences: request.audiences,
    resources: request.resources,
    scopes: request.scopes,
    ...(request.authorizationDetails.length === 0 ? {} : { authorizationDetails: request.authorizationDetails }),
    ...(request.requestedTokenType === undefined ? {} : { tokenType: request.requestedTokenType }),
    binding: possession.binding,
    format: subject.format,
    time: now,
  }
}

/** What an authorization grant says of itself: whoever decides is bound by that. */
const boundsOf = ({ client, scopes, resources }: GrantTerms): Pick<Facts, 'madeFor' | 'conveys' | 'onlyResources'> => ({
  ...(client === undefined ? {} : { madeFor: client }),
  ...(scopes === undefined ? {} : { conveys: scopes }),
  ...(resources === undefined ? {} : { onlyResources: resources }),
})

/**
 * Whether a foreign credential is a client's and not ours: an ID token that does not name us, and whatever else names a client
 * of ours and not us, since what a token is declared as is the word of whoever brings it (TE-72, T9).
 */
const isIssuedToAnother = (
  { tokenType, audiences }: Parties['subject'],
  ourIssuer: string,
  clients: Judged['clients'],
): boolean =>
  !audiences.includes(ourIssuer) && (tokenType === ID_TOKEN_TYPE || audiences.some((one) => clients.isMeantBy(one)))
