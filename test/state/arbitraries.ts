/**
 * Random logs, from pools so small that everything meets everything: four keys, three tokens, a
 * few sessions born around the boundaries of time, and copies of earlier commands at any later
 * place.
 */
import * as fc from 'fast-check'
import type {
  CallId,
  Command,
  Identity,
  KeyOperation,
  Operation,
  SettingName,
} from '../../src/command/index.ts'
import type { ModelEntry } from './model.ts'
import { b, sessionName } from './support.ts'

const minute = 60_000
const hour = 60 * minute
/** When random logs begin; not on a minute, or half the boundaries would fall together. */
export const start = 1_700_000_012_345

const keys = ['a', 'b', 'c', 'd'].map(b)
const values = ['', '1', '22'].map(b)
/** The tokens that random logs use. */
export const tokens = ['t', 'u', 'v'].map(b)
/** The keys that random logs use. */
export const allKeys = keys

const key = fc.constantFrom(...keys)
const condition = fc.option(fc.integer({ min: 0, max: 6 }), { nil: undefined, freq: 3 })
const keyOperation: fc.Arbitrary<KeyOperation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('put' as const),
      key,
      value: fc.constantFrom(...values),
      ifRevision: condition,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), key, ifRevision: condition }),
  },
)
const batch: fc.Arbitrary<Operation> = fc
  .uniqueArray(keyOperation, { minLength: 1, maxLength: 3, selector: ({ key }) => key[0] })
  .map((operations) => ({ kind: 'batch', operations }))
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: keyOperation },
  { weight: 1, arbitrary: batch },
)

const births = [-2 * hour, -hour, -1, 0, hour, hour + 1, 3 * hour, 26 * hour]
const call: fc.Arbitrary<CallId> = fc
  .record({
    birth: fc.constantFrom(...births),
    tag: fc.integer({ min: 0, max: 1 }),
    sequence: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 6 }) },
      { weight: 1, arbitrary: fc.constantFrom(4096, 4097, 4098) },
    ),
    behind: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 0, max: 5 }) },
      { weight: 1, arbitrary: fc.constantFrom(4095, 4096) },
    ),
  })
  .map(({ birth, tag, sequence, behind }) => ({
    session: sessionName(start + birth, tag),
    sequence,
    firstOutstanding: Math.max(1, sequence - behind),
  }))

const tokenTime = fc
  .constantFrom(-25 * hour, -2 * hour, -hour, -minute, 0, 1, hour, 24 * hour, 169 * hour)
  .map((offset) => start + offset)
const tokenName = fc.constantFrom(...tokens)

const write: fc.Arbitrary<Command> = fc
  .record({
    call,
    operation,
    kind: fc.constantFrom('none' as const, 'token' as const, 'token' as const, 'once' as const),
    token: tokenName,
    time: tokenTime,
  })
  .map(({ call, operation, kind, token, time }) => {
    const identity: Identity =
      kind === 'token' ? { kind, token, time } : kind === 'none' ? { kind } : { kind: 'once' }
    const plainPut = operation.kind === 'put' && operation.ifRevision === undefined
    return {
      kind: 'write',
      call,
      operation,
      identity: kind === 'once' && !plainPut ? { kind: 'none' } : identity,
    }
  })

const settingValues: readonly (readonly [SettingName, readonly number[]])[] = [
  ['tokenRetentionMs', [1, minute, hour, 24 * hour, 93 * 24 * hour]],
  ['tokenRetentionMs', [1, minute, 48 * hour]],
  ['sessionExpiryMs', [1, minute, hour, 24 * hour]],
  ['tokensMax', [1, 2, 100]],
  ['sessionsMax', [1, 2, 100, 10_000_001]],
  ['clusterVersion', [1, 0]],
]
const setting: fc.Arbitrary<Command> = fc.constantFrom(...settingValues).chain(([name, choices]) =>
  fc.record({
    kind: fc.constant('setting' as const),
    call,
    name: fc.constant(name),
    value: fc.constantFrom(...choices),
  }),
)

const fence: fc.Arbitrary<Command> = fc.record({
  kind: fc.constant('fence' as const),
  call,
  token: tokenName,
  time: tokenTime,
})
const close: fc.Arbitrary<Command> = call.map(({ session }) => ({ kind: 'closeSession', session }))

/** A fresh command, or a copy of an earlier one that may say more about what is outstanding. */
type Draft =
  | { readonly kind: 'fresh'; readonly command: Command }
  | { readonly kind: 'copy'; readonly pick: number; readonly moved: boolean }

const draft: fc.Arbitrary<Draft> = fc.oneof(
  {
    weight: 7,
    arbitrary: fc
      .oneof(
        { weight: 10, arbitrary: write },
        { weight: 2, arbitrary: fence },
        { weight: 2, arbitrary: setting },
        { weight: 1, arbitrary: close },
      )
      .map((command): Draft => ({ kind: 'fresh', command })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('copy' as const),
      pick: fc.nat(1000),
      moved: fc.boolean(),
    }),
  },
)

const passing = fc.constantFrom(
  0,
  0,
  0,
  0,
  1,
  1,
  -5000,
  minute,
  59 * minute,
  hour - 1,
  hour,
  hour + 1,
  23 * hour,
  25 * hour,
)

/** A log of entries. */
export function logs(maxLength: number): fc.Arbitrary<ModelEntry[]> {
  return fc
    .array(fc.record({ passing, drafts: fc.array(draft, { minLength: 1, maxLength: 4 }) }), {
      minLength: 1,
      maxLength,
    })
    .map((entries) => {
      const earlier: Command[] = []
      let time = start
      return entries.map(({ passing, drafts }) => {
        time += passing
        const commands = drafts.flatMap((each): Command[] => {
          if (each.kind === 'fresh') {
            earlier.push(each.command)
            return [each.command]
          }
          const command = earlier[each.pick % Math.max(1, earlier.length)]
          return command === undefined ? [] : [each.moved ? moved(command) : command]
        })
        return { stamp: time, commands }
      })
    })
}

/** The same call, when its client no longer waits for any before it. */
function moved(command: Command): Command {
  if (!('call' in command)) return command
  return { ...command, call: { ...command.call, firstOutstanding: command.call.sequence } }
}
