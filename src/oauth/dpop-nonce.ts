import type { IncomingMessage } from 'node:http'
import type { Road } from '../exchange/contract.ts'
import { seconds } from '../lib/clock.ts'

/**
 * The header that every answer has to a request with a DPoP proof, granted or refused: a nonce for the client's next one
 * (RFC 9449 §8, §8.2; DP-13). Other requests get none.
 */
export const dpopNonce = (
  { headers }: IncomingMessage,
  { nonces, clock }: Pick<Road, 'nonces' | 'clock'>,
): Readonly<Record<string, string>> | undefined =>
  headers['dpop'] === undefined ? undefined : { 'DPoP-Nonce': nonces.fresh(seconds(clock)) }
