import { Faults } from '../lib/fault.ts'

/** Where a list ended, as text for whoever asks on: the place of its last row in the order of writing. */
export function writeCursor(seq: string): string {
  return Buffer.from(`seq:${seq}`).toString('base64url')
}

/** @throws Faults where the text is no cursor of ours. */
export function readCursor(cursor: string): string {
  const match = /^seq:([1-9][0-9]{0,17})$/.exec(Buffer.from(cursor.slice(0, 64), 'base64url').toString('latin1'))
  if (match?.[1] === undefined) {
    throw new Faults([
      { path: 'cursor', message: 'This is no cursor of ours: take it unchanged from `next` of the page before.' },
    ])
  }
  return match[1]
}
