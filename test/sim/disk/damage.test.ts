/**
 * Goal: damage is done where it was asked for, in every kind; and a log that was damaged is refused
 * or comes back whole, never shorter or other than what had been promised.
 * Method: random logs; one damage each, then a power cut and a start, whose outcome is compared with
 * the durable log, which damage does not change.
 */
import { expect, test } from 'vitest'
import { QuorateError } from '../../../src/errors.ts'
import { Atlas } from './atlas.ts'
import type { DamageKind } from './damage.ts'
import { durableOf, group, LogHistory, toldOf } from './log-history.ts'
import { SeededRandom } from '../../../src/random.ts'

const kinds: readonly DamageKind[] = [
  'flipBit',
  'zeroSector',
  'staleSector',
  'misdirect',
  'garbage',
  'truncate',
  'deleteFile',
]

async function damaged(seed: number, kind: DamageKind, target: 'wal' | 'vote') {
  const history = new LogHistory(seed)
  const { machine } = history
  await history.create()
  for (let i = history.draw(2, 12); i > 0; i--) await history.persist(history.next())
  const before = { log: durableOf(history), vote: machine.disk.durable.voteFile }
  const done = machine.disk.damage(kind, target, machine.random)
  expect(durableOf(history)).toEqual(before.log)
  machine.restart(() => machine.disk.powerCut({ keep: 'none', style: 'strict' }))
  if (done === undefined) return 'nothing'
  try {
    const { base } = await history.open()
    // Without its first segments a log begins later, as if it had been compacted. Whether that is so,
    // the node knows from its state.
    if (kind === 'deleteFile' && base.index > 0) return 'later'
  } catch (error) {
    expect(error).toBeInstanceOf(QuorateError)
    return 'refused'
  }
  expect(toldOf(history)).toEqual(before.log)
  const { currentTerm, votedFor } = history.hardState
  expect({ term: currentTerm, votedFor }).toEqual(before.vote)
  return 'whole'
}

test.each(kinds)('%s in the log is refused', async (kind) => {
  const seen = new Map<string, number>()
  for (let seed = 1; seed <= 15; seed++) {
    const outcome = await damaged(seed, kind, 'wal')
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
  }
  expect(seen.get('refused')).toBeGreaterThan(5)
  expect(seen.get('whole')).toBeUndefined()
  expect(seen.has('later')).toBe(kind === 'deleteFile')
})

test.each(kinds)('%s in the vote file is mended from the log', async (kind) => {
  const seen = new Set<string>()
  for (let seed = 1; seed <= 6; seed++) seen.add(await damaged(seed, kind, 'vote'))
  seen.delete('nothing')
  expect([...seen]).toEqual(['whole'])
})

test('what is not there is not damaged', async () => {
  const history = new LogHistory(1)
  await history.create()
  const { disk, random } = history.machine
  for (const kind of kinds) expect(disk.damage(kind, 'identity', random)).toBeUndefined()
})

test('a process that runs goes on with a file that was removed, and promises more', async () => {
  const history = new LogHistory(2)
  await history.create()
  const { disk, random } = history.machine
  await history.persist(history.next())
  expect(disk.damage('deleteFile', 'wal', random)).toMatchObject({ offset: 0 })
  await history.persist(history.next())
  expect(durableOf(history)).toEqual(toldOf(history))
})

test('a stale read takes nothing of the last flush', async () => {
  let changed = 0
  for (let seed = 1; seed <= 10; seed++) {
    const history = new LogHistory(seed)
    const { machine } = history
    await history.create()
    const segment = `${group}/wal/0000000001.wal`
    let file = machine.disk.peek(segment)
    while (machine.random.uint32() % 8 !== 0) {
      const before = file
      await history.persist(history.next())
      file = machine.disk.peek(segment)
      const segments = await machine.run(machine.port.list(`${group}/wal`))
      // What is in front of another segment has its witness there.
      if (segments?.length !== 1) break
      machine.disk.failNext({ operation: 'readFile', nth: 1, error: 'stale' })
      const stale = await machine.run(machine.port.readFile(segment, 1_000_000))
      const differs = stale?.findIndex((byte, at) => byte !== file[at]) ?? -1
      if (differs === -1) continue
      changed++
      expect(before[differs]).toBe(file[differs])
    }
  }
  expect(changed).toBeGreaterThan(5)
})

test('the atlas leaves a majority alone', () => {
  const chosen = new Set<string>()
  for (let seed = 1; seed <= 50; seed++) {
    for (const [count, most] of [0, 0, 1, 1, 2, 2, 3].entries()) {
      const ids = Array.from({ length: count + 1 }, (_, i) => `n${i + 1}`)
      const atlas = new Atlas({ ids, random: new SeededRandom(seed) })
      expect(ids.filter((id) => atlas.mayDamage(id)).length).toBe(most)
      if (count === 2) for (const id of atlas.victims) chosen.add(id)
    }
  }
  expect([...chosen].sort()).toEqual(['n1', 'n2', 'n3'])
  const atlas = new Atlas({ ids: ['n1'], random: new SeededRandom(1) })
  expect(() => atlas.record({ machine: 'n1', at: 0, what: 'rot' })).toThrow('must not')
})
