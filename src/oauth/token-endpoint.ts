import type { Road } from '../exchange/contract.ts'
import { exchange } from '../exchange/exchange.ts'
import { isKnownParameter } from '../exchange/grants.ts'
import { Refusal } from '../refusal.ts'
import type { CertificateRules } from '../server/client-certificate.ts'
import { writeAnswer } from './answer.ts'
import { type Dialect, standard } from './dialect.ts'
import { dpopNonce } from './dpop-nonce.ts'
import { type Endpoint, MAX_UNDER_WAY, type RequestRules, readRequest } from './posted-form.ts'

/** `POST /token`, and wherever else a dialect of it is spoken: reads the request, has it exchanged, writes the answer. */
export function tokenEndpoint(road: Road, certificates: CertificateRules, dialect: Dialect = standard): Endpoint {
  const { clock, snapshots } = road
  const rules: RequestRules = {
    clock,
    certificates,
    isParameter: isKnownParameter,
    read: (parameters) => dialect.read(parameters, snapshots),
  }
  let underWay = 0
  return async (message, response, id) => {
    // Not before it is all here: who keeps back the rest of a body must not take the place of who does not.
    const request = await readRequest(message, id, rules)
    if (underWay >= MAX_UNDER_WAY) {
      road.events.uncounted('overloaded')
      const refusal = new Refusal('overloaded', `${underWay} requests are under way`, { retryAfter: 1 })
      writeAnswer(response, { granted: false, id, grant: '', refusal }, message, dpopNonce(message, road))
      return
    }
    underWay++
    try {
      const answer = dialect.say(await exchange(request, road))
      writeAnswer(response, answer, message, dpopNonce(message, road))
    } finally {
      underWay--
    }
  }
}
