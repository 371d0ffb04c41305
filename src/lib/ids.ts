import { hash, randomUUIDv7 } from 'node:crypto'

/** A new identifier (UUID version 7): sortable by time, unguessable enough for a name, never a secret. */
export const newId = (): string => randomUUIDv7()

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/

export const isId = (text: string): boolean => UUID.test(text)

/** base64url SHA-256 of a text: how a token is named in the record, where its bytes must never be (I8). */
export const hashOf = (text: string): string => hash('sha256', text, 'base64url')
