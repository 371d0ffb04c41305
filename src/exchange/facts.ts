import type { GrantTerms } from '../credentials/contract.ts'
import { ID_TOKEN_TYPE } from '../lib/token-types.ts'
import type { Facts } from '../policy/contract.ts'
import type { Descent } from './descent.ts'
import type { Parties } from './parties.ts'
import type { ExchangeRequest } from './request.ts'

/**
 * What the evaluator sees. The actor is the actor token's principal, else the client; client and subject being the same
 * principal, nobody acts for anybody (interfaces.md, "Delegation").
 */
export function factsOf(
  request: ExchangeRequest,
  { client, subject, actor, actorIssuer, possession }: Parties,
  { path }: Descent,
  { ourIssuer, now }: { readonly ourIssuer: string; readonly now: number },
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
    ...(subject.tokenType === ID_TOKEN_TYPE && !subject.audiences.includes(ourIssuer)
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
