/** What may be told of one token, and what may not. */
import { expect, test } from 'vitest'
import {
  checkVerdicts,
  type Said,
  type Statement,
} from '../../../jepsen-style/workloads/verdicts.ts'
import { made } from './make-history.ts'

type Step = readonly [f: string, about: Said]

/** Statements of calls that were made one after the other. */
function inOrder(steps: readonly Step[]): readonly Statement[] {
  const history = made()
  for (const [process, [f, { type }]] of steps.entries()) {
    history.call(f, {}, type === 'open' || type === 'openFence' ? 'info' : 'ok', {}, process)
  }
  return steps.flatMap(([, about], i) => {
    const operation = history.operations[i]
    return operation === undefined ? [] : [{ operation, identity: 't', about }]
  })
}

const told = (verdict: 'applied' | 'duplicate' | 'mismatch', payload = 'a', revision = 5): Step => [
  'put',
  { type: 'told', verdict, payload, revision, ...(verdict === 'mismatch' && { hash: 'h' }) },
]
const open: Step = ['put', { type: 'open', payload: 'a' }]
const refused: Step = ['put', { type: 'refused', payload: 'a', cancelled: false }]
const cancelled: Step = ['put', { type: 'refused', payload: 'a', cancelled: true }]
const recorded: Step = ['verdict', { type: 'recorded', revision: 5, hash: 'h' }]
const absent: Step = ['verdict', { type: 'absent', fenced: false }]
const fence: Step = ['fence', { type: 'absent', fenced: true }]
const openFence: Step = ['fence', { type: 'openFence' }]
const row = (payload: string | undefined = 'a', revision = 5): Step => [
  'read',
  { type: 'row', row: { payload, revision } },
]
const noRow: Step = ['read', { type: 'row', row: undefined }]
const rotten: Step = ['read', { type: 'row', row: { payload: undefined, revision: 5 } }]

const right: readonly [string, readonly Step[]][] = [
  [
    'applied once',
    [absent, told('applied'), told('duplicate'), told('mismatch', 'b'), recorded, row()],
  ],
  ['unknown, and had an effect', [open, told('duplicate'), recorded, row()]],
  ['unknown, and mismatched by another', [open, told('mismatch', 'b'), row()]],
  ['unknown, and had none', [open, absent, noRow]],
  ['unknown, then applied by a repeat', [open, told('applied'), row()]],
  ['refused, then applied', [refused, told('applied'), row()]],
  ['fenced before its use', [fence, cancelled, noRow]],
  ['fenced by nobody knows', [openFence, cancelled, noRow]],
  ['fenced too late', [told('applied'), ['fence', { type: 'recorded', revision: 5 }], row()]],
]

test.each(right)('%s: is well', (_what, steps) => {
  // Beside one that was acknowledged: where none was, nothing is shown.
  const other = inOrder([told('applied'), row()]).map((each) => ({ ...each, identity: 'u' }))
  expect(checkVerdicts([...inOrder(steps), ...other], 'token')).toMatchObject({
    verdict: 'ok',
    figures: { lost: 0 },
  })
})

const wrong: readonly [string, readonly Step[]][] = [
  ['applied twice', [told('applied'), told('applied', 'a', 6), row()]],
  ['applied twice with one revision', [told('applied'), told('applied'), row()]],
  ['two revisions', [told('applied'), told('duplicate', 'a', 6), row()]],
  ['a duplicate of another payload', [told('applied'), told('duplicate', 'b'), row()]],
  ['a mismatch of the same payload', [told('applied'), told('mismatch'), row()]],
  ['the last write won', [told('applied'), told('mismatch', 'b'), row('b', 6)]],
  ['the row has another revision', [told('applied'), row('a', 6)]],
  ['a duplicate of nothing', [told('duplicate'), row()]],
  ['a duplicate of what had failed', [refused, told('duplicate'), row()]],
  ['a mismatch with nothing', [told('mismatch', 'b'), row()]],
  ['a duplicate before it was applied', [told('duplicate'), told('applied'), row()]],
  ['recorded before anything began', [recorded, open, row()]],
  ['absent after it was applied', [told('applied'), absent, row()]],
  ['absent after it was recorded', [open, recorded, absent, row()]],
  ['used after it was fenced', [fence, told('applied'), row()]],
  ['cancelled after it was used', [told('applied'), openFence, cancelled, row()]],
  ['cancelled by nobody', [cancelled, noRow]],
  ['not cancelled any more', [fence, absent, noRow]],
  ['lost', [told('applied'), noRow]],
  ['a row that nobody wrote', [open, rotten]],
  ['an effect of what had failed', [refused, row()]],
]

test.each(wrong)('%s: is a violation', (_what, steps) => {
  const result = checkVerdicts(inOrder(steps), 'token')
  expect(result.verdict).toBe('violation')
  expect(result.events?.length).toBeGreaterThan(0)
})

test('what is acknowledged and has no row is counted as lost, what is not read as unread', () => {
  expect(checkVerdicts(inOrder([told('applied'), noRow]), 'token').figures).toMatchObject({
    acknowledged: 1,
    lost: 1,
  })
  expect(checkVerdicts(inOrder([told('applied')]), 'token')).toMatchObject({
    verdict: 'unknown',
    figures: { unread: 1 },
  })
  expect(
    checkVerdicts(inOrder([told('applied'), told('applied', 'a', 6), row()]), 't').figures,
  ).toMatchObject({ doubled: 1 })
})
