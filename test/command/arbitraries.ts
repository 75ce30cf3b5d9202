/** Random commands of every shape that the format has. */
import * as fc from 'fast-check'
import { timeMax } from '../../src/command/index.ts'
import type { CallId, Command, KeyOperation, Operation } from '../../src/command/index.ts'

const bytes = (min: number, max: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: min, maxLength: max })
const count = fc.oneof(fc.integer({ min: 0, max: 9 }), fc.maxSafeNat())
const time = fc.oneof(fc.constant(0), fc.constant(timeMax), fc.integer({ min: 0, max: timeMax }))

const call: fc.Arbitrary<CallId> = fc
  .record({ session: bytes(18, 18), a: fc.maxSafeNat(), b: fc.maxSafeNat() })
  .map(({ session, a, b }) => ({
    session,
    sequence: Math.max(a, b, 1),
    firstOutstanding: Math.max(1, Math.min(a, b)),
  }))

const ifRevision = fc.option(count, { nil: undefined })
const keyOperation: fc.Arbitrary<KeyOperation> = fc.oneof(
  fc.record({
    kind: fc.constant('put' as const),
    key: bytes(1, 8),
    value: bytes(0, 12),
    ifRevision,
  }),
  fc.record({ kind: fc.constant('delete' as const), key: bytes(1, 8), ifRevision }),
)
const operation: fc.Arbitrary<Operation> = fc.oneof(
  keyOperation,
  fc.record({
    kind: fc.constant('batch' as const),
    operations: fc.array(keyOperation, { minLength: 1, maxLength: 4 }),
  }),
)

/** Any command. */
export const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  fc.record({
    kind: fc.constant('write' as const),
    call,
    identity: fc.oneof(
      fc.constant({ kind: 'none' as const }),
      fc.constant({ kind: 'once' as const }),
      fc.record({ kind: fc.constant('token' as const), token: bytes(1, 9), time }),
    ),
    operation,
  }),
  fc.record({ kind: fc.constant('fence' as const), call, token: bytes(1, 9), time }),
  fc.record({ kind: fc.constant('closeSession' as const), session: bytes(18, 18) }),
  fc.record({
    kind: fc.constant('setting' as const),
    call,
    name: fc.constantFrom(
      'clusterVersion' as const,
      'tokenRetentionMs' as const,
      'sessionExpiryMs' as const,
      'tokensMax' as const,
      'sessionsMax' as const,
    ),
    value: count,
  }),
  fc.record({ kind: fc.constant('mark' as const), id: bytes(1, 64) }),
)
