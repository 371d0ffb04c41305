/** How a parameter is read, whatever it means: within its limits, or refused by its name and never by its value. */
import { MAX_TOKEN_LENGTH } from '../credentials/identify.ts'
import { type JsonObject, parseJsonObjectText } from '../lib/json.ts'
import { Refusal } from '../refusal.ts'
import type { Parameters } from './contract.ts'

/** A token with its declared type. */
export interface DeclaredToken {
  readonly token: string
  readonly tokenType: string
}

/** Characters of a value, and how often a target is named. */
export const LIMITS = { name: 2048, scope: 8192, json: 8192, targets: 10 } as const
export const ABSOLUTE_URI = /^[A-Za-z][A-Za-z0-9+.-]*:[^\s"<>\\^`{|}]+$/

export function missing(name: string): never {
  throw new Refusal('parameter_missing', `${name} is missing`)
}

/** Throws Refusal `parameter_missing` or `parameter_too_long`. */
export function required(parameters: Parameters, name: string, limit: number = LIMITS.name): string {
  return single(parameters, name, limit) ?? missing(name)
}

/** A parameter that comes once at most (exchange/form.ts). */
export function single(parameters: Parameters, name: string, limit: number): string | undefined {
  const value = parameters.get(name)?.[0]
  if (value !== undefined && value.length > limit) {
    throw new Refusal('parameter_too_long', `${name} has ${value.length} characters, at most ${limit} are read`)
  }
  return value
}

/** A token and its type: both or neither (TE-05, both directions). */
export function declared(parameters: Parameters, name: string, typeName: string): DeclaredToken | undefined {
  const token = single(parameters, name, MAX_TOKEN_LENGTH)
  const tokenType = typeUri(parameters, typeName)
  if (token === undefined) {
    if (tokenType !== undefined) throw new Refusal('parameter_missing', `${typeName} came without ${name}`)
    return undefined
  }
  return { token, tokenType: tokenType ?? missing(typeName) }
}

/** A token type, which is a URI (RFC 8693 §3). */
export function typeUri(parameters: Parameters, name: string): string | undefined {
  const value = single(parameters, name, LIMITS.name)
  if (value !== undefined && !ABSOLUTE_URI.test(value))
    throw new Refusal('parameter_malformed', `${name} is not a token type URI`)
  return value
}

/** Values of `audience` or `resource`, each once. */
export function several(parameters: Parameters, name: string): readonly string[] {
  const values = parameters.get(name)
  if (values === undefined) return []
  if (values.length > LIMITS.targets)
    throw new Refusal('parameter_malformed', `${values.length} values of ${name}, at most ${LIMITS.targets} are read`)
  for (const value of values) {
    if (value.length > LIMITS.name)
      throw new Refusal('parameter_too_long', `${name} has ${value.length} characters, at most ${LIMITS.name} are read`)
  }
  return [...new Set(values)]
}

/** A JSON object, form-encoded as its text. */
export function objectOf(parameters: Parameters, name: string): JsonObject | undefined {
  const text = single(parameters, name, LIMITS.json)
  if (text === undefined) return undefined
  const value = parseJsonObjectText(text)
  if (value === undefined) throw new Refusal('parameter_malformed', `${name} is not the text of a JSON object`)
  return value
}
