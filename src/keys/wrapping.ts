import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/**
 * Private keys rest in the database wrapped by a key-encryption key that never does: AES-256-GCM, the name of the signing
 * key authenticated with it, so that a wrapped key cannot be moved under another name. The first key-encryption key
 * wraps, all unwrap, which is how one is replaced.
 */
export interface KeyEncryption {
  wrap(name: string, plain: Buffer): string
  /** Throws where no key-encryption key fits, or the text was altered. */
  unwrap(name: string, wrapped: string): Buffer
}

const FORMAT = 'a256gcm'

export function keyEncryption(keys: readonly Buffer[]): KeyEncryption {
  const named = new Map(keys.map((key) => [nameOf(key), key]))
  const [first] = keys
  if (first === undefined) throw new Error('no key-encryption key')
  return {
    wrap(name, plain) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', first, iv).setAAD(Buffer.from(name))
      const sealed = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
      return [FORMAT, nameOf(first), iv.toString('base64url'), sealed.toString('base64url')].join('.')
    },
    unwrap(name, wrapped) {
      const [format, keyName = '', iv = '', sealedText = ''] = wrapped.split('.')
      const key = named.get(keyName)
      if (format !== FORMAT || key === undefined) {
        throw new Error(
          `signing key ${name} is wrapped by key-encryption key ${keyName}, which is not among the files of CAMBIST_KEY_ENCRYPTION_KEY_FILES`,
        )
      }
      const sealed = Buffer.from(sealedText, 'base64url')
      const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64url'), { authTagLength: 16 })
        .setAAD(Buffer.from(name))
        .setAuthTag(sealed.subarray(-16))
      return Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()])
    },
  }
}

/** How a key-encryption key is told from others in wrapped texts: a digest that says nothing about it. */
const nameOf = (key: Buffer): string =>
  createHash('sha256').update('cambist key-encryption key').update(key).digest('base64url').slice(0, 16)
