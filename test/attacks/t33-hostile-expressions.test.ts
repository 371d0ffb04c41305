import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parsePattern } from '../../src/identity/pattern.ts'
import { CelError, compileCondition } from '../../src/lib/cel.ts'
import { Faults } from '../../src/lib/fault.ts'
import { compilePolicy } from '../../src/policy/policy.ts'
import { document, startCambist } from '../harness/cambist.ts'

const server = await startCambist()

/** Milliseconds: far above what a refusal needs, far below what the bomb would take. */
const BOUND = 1000

/** Refused, soon, and with a sentence that a person can act on. */
function refused(source: string, because: RegExp): void {
  const start = performance.now()
  let caught: unknown
  try {
    compileCondition(source, ['subject', 'request', 'visited'])
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(Faults)
  if (caught instanceof Faults) {
    expect(caught.message).toMatch(because)
    expect(caught.message.length, 'a sentence, and not the bomb once more').toBeLessThan(2000)
  }
  expect(performance.now() - start).toBeLessThan(BOUND)
}

const nested = (depth: number, open: string, close: string, core = 'true') =>
  open.repeat(depth) + core + close.repeat(depth)

describe('T33 expressions that would cost or mean too much', () => {
  it.each<[string, string, RegExp]>([
    ['nests ten thousand brackets', nested(10_000, '(', ')'), /20004 characters, and 4096 is the most/],
    ['nests as many brackets as fit', nested(2000, '(', ')'), /nests/],
    ['nests as many lists as fit', nested(2000, '[', ']', '1'), /nests/],
    ['nests ternaries', nested(300, 'false ? 1 : ', '', '1'), /nests/],
    ['nests calls', nested(300, 'string(', ')', '1'), /nests/],
    ['nests members', `subject${'.a'.repeat(2000)}`, /nests|4096/],
    ['is 5 MB', `'${'a'.repeat(5_000_000)}' == 'b'`, /5000009 characters, and 4096 is the most/],
    ['is 5 MB of spaces', ' '.repeat(5_000_000), /empty|4096/],
    ['is a long list', `1 in [${Array.from({ length: 1200 }, () => '1').join(',')}]`, /parts, and 500 is the most/],
    ['is a long sum', Array.from({ length: 800 }, () => '1').join(' + '), /nests/],
    [
      'goes over a list for each of a list',
      'request.scopes.all(a, request.scopes.all(b, a == b))',
      /a macro over a list stands inside another/,
    ],
    [
      'goes over a list for each of a list for each of a list',
      'request.scopes.map(a, request.scopes.map(b, request.scopes.map(c, a + b + c))) == []',
      /a macro over a list stands inside another/,
    ],
    [
      'goes over what a macro made',
      'request.scopes.map(a, [a, a].filter(b, true)).size() > 1',
      /a macro over a list stands inside another/,
    ],
    ['matches a pattern that it makes itself', 'subject.id.matches(subject.pattern)', /must be written out as a text/],
    ['matches a part', "subject.id.matches('(a+)+')", /not anchored at both ends/],
    ['matches by a pattern that RE2 does not know', "subject.id.matches('^(a)\\\\1$')", /cannot be used/],
    ['looks behind', "subject.id.matches('^(?<=a)b$')", /sets flags or names a group/],
    ['repeats without end', "subject.id.matches('^(?:a{1000}){1000}$')", /cannot be used/],
    ['asks for what JavaScript has', 'subject.constructor.constructor == 1', /cannot be read/],
    ['asks for the prototype', "subject['__proto__'].x == 1", /cannot be read/],
    ['has a NUL', "subject.id == 'a\u0000b' && nothing", /./],
    ['has half a character', "subject.id == '\ud800' && nothing", /./],
    ['calls what there is not', 'eval("1")', /there is no function/],
    ['makes a message', 'google.protobuf.Any{type_url: "x"}', /./],
    ['makes a duration', "duration('1h') > duration('1m')", /there is no function `duration`/],
  ])('%s', (_, source, because) => {
    refused(source, because)
  })

  it('whatever is written is refused with a sentence or answers within its bounds', () => {
    const piece = fc.constantFrom(
      '(',
      ')',
      '[',
      ']',
      '{',
      '}',
      '.',
      ',',
      '?',
      ':',
      '!',
      '-',
      '+',
      '==',
      '<',
      '&&',
      '||',
      ' in ',
      "'a'",
      '"',
      "'",
      '1',
      '1u',
      '1.5',
      'true',
      'null',
      'subject',
      'request',
      '.scopes',
      '.id',
      '.exists(x, ',
      '.map(x, ',
      '.matches(',
      'has(',
      'size(',
      'visited(',
      "r'\\",
      '\\',
      '`',
      '@',
      '\n',
      '//',
      '__proto__',
      'b"',
      '0x',
      '1e999',
      '\u0000',
      '\ud800',
      '𝒳',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 24 }), (pieces) => {
        const start = performance.now()
        try {
          const condition = compileCondition(pieces.join(''), ['subject', 'request', 'visited'])
          try {
            condition.test({ subject: { id: 'a' }, request: { scopes: ['a'] }, visited: [] })
          } catch (error) {
            expect(error).toBeInstanceOf(CelError)
          }
          expect(condition.misreadings({})).toBeInstanceOf(Array)
        } catch (error) {
          expect(error).toBeInstanceOf(Faults)
        }
        expect(performance.now() - start).toBeLessThan(BOUND)
      }),
      { numRuns: 5000 },
    )
  })

  it('patterns of ids and match cannot be bombs either', () => {
    for (const ids of [['*'.repeat(2000)], ['a'.repeat(3000)], ['**/**/**'], ['a*b*c*d*'], ['**/a'], ['']]) {
      const start = performance.now()
      expect(() =>
        compilePolicy('rule', { clients: ['c'], targets: ['t'], subject: { issuers: ['prod'], ids } }),
      ).toThrow(Faults)
      expect(performance.now() - start).toBeLessThan(BOUND)
    }
    const text = fc.string({ unit: fc.constantFrom('a', '*', '/', ':'), maxLength: 200 })
    fc.assert(
      fc.property(text, text, (source, value) => {
        const start = performance.now()
        try {
          parsePattern(source).matches(value)
        } catch (error) {
          expect(error).toBeInstanceOf(Faults)
        }
        expect(performance.now() - start).toBeLessThan(BOUND)
      }),
      { numRuns: 5000 },
    )
  })

  it('at the door: a problem that names the place, and nothing changed', async () => {
    const stored = async () => (await server.adminGet('/admin/v1/export')).text()
    const before = await stored()
    const bombs = [
      nested(10_000, '(', ')'),
      `'${'a'.repeat(900_000)}' == 'b'`,
      'request.scopes.all(a, request.scopes.all(b, a == b))',
      "subject.id.matches('^(a)\\\\1$')",
      "subject.namspace == 'shop'",
    ]
    for (const condition of bombs) {
      const start = performance.now()
      await expect(
        server.apply(document('Policy', 'bomb', { clients: ['checkout'], targets: ['orders'], condition })),
      ).rejects.toThrow(/apply answered 4(00|13): .*(spec\.condition|too large|most)/s)
      expect(performance.now() - start).toBeLessThan(5 * BOUND)
    }
    expect(await stored()).toBe(before)
  })
})
