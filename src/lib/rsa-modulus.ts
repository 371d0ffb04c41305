import { isCanonicalBase64url } from './jws.ts'

const MIN_BITS = 2048
/** A verification costs the square of the modulus; beyond this a key is a weapon (F8, T12). */
const MAX_BITS = 8192
const MAX_CHARACTERS = Math.ceil(MAX_BITS / 6) + 1

/**
 * Primes of the test for keys of the Infineon library (CVE-2017-15361, "ROCA"): there the primes of a modulus are powers
 * of 65537 modulo each of these, and so is the modulus. That holds by chance for less than one in a hundred million.
 */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113,
  127, 131, 137, 139, 149, 151, 157, 163, 167,
]
const PRODUCT = PRIMES.reduce((product, prime) => product * BigInt(prime), 1n)
const POWERS = PRIMES.map((prime) => {
  const powers = new Set<number>()
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power)
  return { prime, powers }
})

/** What makes an RSA modulus (JWK member `n`) unfit, as a phrase that completes "the key …"; undefined where nothing does (T17). */
export function rsaFault(n: string): string | undefined {
  if (n.length > MAX_CHARACTERS) return `is an RSA key of more than ${MAX_BITS} bits`
  if (!/^[A-Za-z0-9_-]+$/.test(n) || !isCanonicalBase64url(n)) return 'has an n that is not canonical base64url'
  const bytes = Buffer.from(n, 'base64url')
  const first = bytes[0] ?? 0
  if (first === 0) return 'has an n with leading zero bytes'
  const bits = bytes.length * 8 - (Math.clz32(first) - 24)
  if (bits < MIN_BITS || bits > MAX_BITS) return `is an RSA key of ${bits} bits; ${MIN_BITS} to ${MAX_BITS} are taken`
  const modulus = BigInt(`0x${bytes.toString('hex')}`)
  const remainder = modulus % PRODUCT
  let infineon = true
  for (const { prime, powers } of POWERS) {
    const rest = Number(remainder % BigInt(prime))
    if (rest === 0) return 'has an RSA modulus with a small factor'
    if (!powers.has(rest)) infineon = false
  }
  if ((modulus & 1n) === 0n) return 'has an RSA modulus with a small factor'
  return infineon ? 'has the weakness of CVE-2017-15361 (ROCA): its private key can be computed' : undefined
}
