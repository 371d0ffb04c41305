import { generateKeyPairSync, sign } from 'node:crypto'

/** DER of one element: tag and contents; a text is its bytes in Latin-1. */
export function der(tag: number, ...contents: readonly (Uint8Array | string)[]): Buffer {
  const content = Buffer.concat(contents.map((one) => (typeof one === 'string' ? Buffer.from(one, 'latin1') : one)))
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length < 0x100
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}

/** DER of an object identifier from the hexadecimal of its contents. */
export const oid = (hex: string): Buffer => der(0x06, Buffer.from(hex, 'hex'))

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const ECDSA = der(0x30, oid('2a8648ce3d040302'))
const NAME = der(0x30, der(0x31, der(0x30, oid('550403'), der(0x0c, 'x'))))

/** The parts of a certificate in their order, each the DER of an element; `outer` and `unused` are of the signature. */
const parts = {
  version: der(0xa0, der(0x02, '\x02')),
  serial: der(0x02, '\x01'),
  algorithm: ECDSA,
  issuer: NAME,
  validity: der(0x30, der(0x17, '260101000000Z'), der(0x17, '360101000000Z')),
  subject: NAME,
  spki: publicKey.export({ format: 'der', type: 'spki' }),
  extensions: der(0xa3, der(0x30, der(0x30, oid('2a0304'), der(0x04, '\x05\0')))),
  outer: ECDSA,
  unused: Buffer.from([0]),
}

/** A certificate that no library would write: self-signed, `CN=x`, with some parts in the place of those that are in order. */
export function writeCertificate(changed: { readonly [Name in keyof typeof parts]?: Uint8Array } = {}): Buffer {
  const { outer, unused, ...body } = { ...parts, ...changed }
  const signed = der(0x30, ...Object.values(body))
  return der(0x30, signed, outer, der(0x03, unused, sign('sha256', signed, privateKey)))
}
