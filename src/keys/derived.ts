import { hkdfSync } from 'node:crypto'

/**
 * Keys for one purpose, one of each key-encryption key and in their order. Every process of a deployment has the same, so
 * that one knows what another has made without asking it; and none of them tells anything of the key that it is made of.
 */
export const derivedKeys = (keyEncryptionKeys: readonly Buffer[], purpose: string): readonly Buffer[] =>
  keyEncryptionKeys.map((key) => Buffer.from(hkdfSync('sha256', key, '', `cambist ${purpose}`, 32)))
