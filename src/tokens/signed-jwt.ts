import type { Signer } from '../keys/contract.ts'

/**
 * The one place where something is signed: a JWT in compact form, with `alg` and `kid` of the signer. A token that says who
 * somebody is comes here by mint() alone; what else we sign is about tokens, has a `typ` of its own, and is accepted as none.
 */
export function signedJwt(
  signer: Signer,
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
): string | Promise<string> {
  const input = `${encode({ ...header, alg: signer.algorithm, kid: signer.kid })}.${encode(claims)}`
  const complete = (signature: Uint8Array) =>
    `${input}.${Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('base64url')}`
  const signature = signer.sign(Buffer.from(input))
  return signature instanceof Promise ? signature.then(complete) : complete(signature)
}

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
