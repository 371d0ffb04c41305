import { REFERENCE_PREFIX } from '../credentials/contract.ts'

/** A JWT, wherever in a text it stands. It begins where no word goes on, so that no text makes the search slow (T33). */
const JWT = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\./

/** Whether something in the text looks like a token: a compact JWT or most of one, or an opaque token of ours. */
export const holdsToken = (text: string): boolean =>
  text.includes(REFERENCE_PREFIX) || (text.includes('eyJ') && JWT.test(text))
