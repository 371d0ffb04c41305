import { type AdminDoor, type AnyRoute, route } from '../contract.ts'
import { describe } from '../openapi.ts'
import { noQuery } from '../paging.ts'

/** The description of this door, made from its own table. */
export function openapi(
  door: Pick<AdminDoor, 'documentKinds' | 'formats'>,
  routes: () => readonly AnyRoute[],
): readonly AnyRoute[] {
  let made: unknown
  return [
    route({
      method: 'get',
      path: '/admin/v1/openapi.json',
      role: 'viewer',
      summary: 'This description',
      query: noQuery,
      answers: { type: 'application/json' },
      handle() {
        made ??= describe(routes(), door)
        return { json: made }
      },
    }),
  ]
}
