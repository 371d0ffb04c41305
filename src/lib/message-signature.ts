import { type InnerList, type ItemParameters, type Member, parseDictionary } from './structured-fields.ts'

/**
 * HTTP message signatures (RFC 9421) as far as a verifier of requests needs them: which signature of a message is meant,
 * and the text that it signs. What must be covered, by whose key, and when it is still good is a profile's affair.
 */
export interface SignedMessage {
  readonly method: string
  /** The path of the request target as sent. */
  readonly path: string
  /** With its leading '?'; '?' alone where there is none (RFC 9421 §2.2.7). */
  readonly query: string
  /** By lower-case name: the values of repeated lines, trimmed and joined by ', ' (RFC 9421 §2.1); undefined where there is none. */
  field(name: string): string | undefined
}

/** A signature of a message, not verified. */
export interface MessageSignature {
  /** Covered components and parameters: the member of `Signature-Input`. */
  readonly input: InnerList
  readonly signature: Buffer
}

/** What a signature signs. */
export interface SignatureBase {
  readonly text: string
  /** Names of the covered components. */
  readonly covered: ReadonlySet<string>
}

interface Faulty {
  /** A phrase that can stand for itself in a record. */
  readonly fault: string
}

/** The one signature with the tag. It is never chosen by its label, which anyone on the way may change (RFC 9421 §3.2, W-56). */
export function signatureTagged(message: SignedMessage, tag: string): MessageSignature | Faulty {
  const inputs = dictionary(message, 'signature-input')
  if ('fault' in inputs) return inputs
  const tagged = [...inputs.members].filter(([, member]) => stringOf(member.parameters, 'tag') === tag)
  const [first, second] = tagged
  if (first === undefined) return { fault: `no signature has the tag ${tag}` }
  if (second !== undefined) return { fault: `${tagged.length} signatures have the tag ${tag}` }
  const [label, input] = first
  if (input.kind !== 'list') return { fault: 'the Signature-Input of the signature is not a list of components' }
  const signatures = dictionary(message, 'signature')
  if ('fault' in signatures) return signatures
  const signature = signatures.members.get(label)
  if (signature?.kind !== 'item' || signature.bare.type !== 'bytes')
    return { fault: 'the Signature field has no bytes under the label of the Signature-Input' }
  return { input, signature: signature.bare.value }
}

/**
 * The text that is signed (RFC 9421 §2.5), its last line spelt as it was received. Components are taken without
 * parameters, each once. `valueIn` answers undefined for a field that is absent and for a derived component it does not know.
 */
export function signatureBase(
  input: InnerList,
  valueIn: (component: string) => string | undefined,
): SignatureBase | Faulty {
  const covered = new Set<string>()
  const lines: string[] = []
  for (const { bare, parameters } of input.items) {
    if (bare.type !== 'string' || !COMPONENT.test(bare.value))
      return { fault: 'a covered component is not a lower-case field name or a derived component in quotes' }
    const name = bare.value
    if (parameters.size > 0) return { fault: `the covered component ${name} has parameters, and none are taken` }
    if (covered.has(name)) return { fault: `the component ${name} is covered twice` }
    const value = valueIn(name)
    if (value === undefined) {
      return {
        fault: name.startsWith('@')
          ? `the derived component ${name} is not one that is read here`
          : `the covered field ${name} is not in the request`,
      }
    }
    // A line end in a value would let one field speak for others.
    if (!PRINTABLE.test(value)) return { fault: `the value of ${name} has characters outside printable ASCII` }
    covered.add(name)
    lines.push(`"${name}": ${value}\n`)
  }
  return { text: `${lines.join('')}"@signature-params": ${input.text}`, covered }
}

/** The value of a component of a request: a field, or one of the derived components @method, @path and @query. */
export function componentOf(message: SignedMessage, component: string): string | undefined {
  switch (component) {
    case '@method':
      return message.method
    case '@path':
      return message.path
    case '@query':
      return message.query
    default:
      return component.startsWith('@') ? undefined : message.field(component)
  }
}

/** A parameter that is a string, not merely spelt like one. */
export function stringOf(parameters: ItemParameters, name: string): string | undefined {
  const parameter = parameters.get(name)
  return parameter?.type === 'string' ? parameter.value : undefined
}

const COMPONENT = /^@?[!#$%&'*+\-.^_`|~0-9a-z]+$/
const PRINTABLE = /^[\t\x20-\x7e]*$/

function dictionary(message: SignedMessage, name: string): { readonly members: ReadonlyMap<string, Member> } | Faulty {
  const text = message.field(name)
  if (text === undefined) return { fault: `the request has no ${name}` }
  const members = parseDictionary(text)
  return members === undefined ? { fault: `${name} is not a structured dictionary (RFC 8941)` } : { members }
}
