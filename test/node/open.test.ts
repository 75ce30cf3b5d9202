/**
 * Goal: a node does not start with a log and a state that do not belong together, and says of what
 * the operating system refuses that it is the storage.
 * Method: whole nodes in memory; the state of one is put beside the log of another, and opening
 * fails with the errors that a disk gives, raw as Node gives them.
 */
import { expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { openNode } from '../../src/node/open.ts'
import { VoteFile } from '../../src/wal/vote-file.ts'
import { Cluster } from './support/cluster.ts'

/** One node that was started `starts` times, in as many terms, and wrote something in the last. */
async function lone(starts: number, writes: number): Promise<Cluster> {
  const cluster = await new Cluster(starts, 1).up()
  const machine = cluster.machine('n1')
  for (let n = 1; n < starts; n++) {
    await cluster.done(machine.node.close())
    await cluster.start(machine)
    await cluster.leader()
  }
  const client = await cluster.client()
  for (let n = 0; n < writes; n++) await cluster.done(client.put(`k${n}`, 'v'))
  await cluster.down()
  return cluster
}

test('a state that was made from another log is refused', async () => {
  const one = await lone(1, 12)
  const other = await lone(3, 2)
  const machine = one.machine('n1')
  const [path] = [...machine.databases.keys()]
  expect(path).toBeDefined()
  machine.databases.set(path ?? '', other.machine('n1').database)

  const error = await one.failure(one.start(machine))

  expect(error.code).toBe('QUORATE_CORRUPT')
  expect(error.message).toContain('term')
})

test('a node of three whose two votes contradict each other is refused, not recovered', async () => {
  const cluster = await new Cluster(1, 3).up()
  await cluster.leader()
  await cluster.down()
  const machine = cluster.machine('n1')
  const { disk } = machine
  const directory = '/data/groups/0'
  const { incarnation } = JSON.parse(Buffer.from(disk.peek('/data/node.json')).toString()).content
  const options = { disk, directory, incarnation: String(incarnation) }
  const reading = await VoteFile.read(options)
  if (reading.kind !== 'certain') throw new Error('the vote is certain before it is changed')
  const { currentTerm, walFlush } = reading.vote
  // Nobody writes this. A disk that misplaces writes may, and so may a bug.
  const votedFor = reading.vote.votedFor === 'n2' ? 'n3' : 'n2'
  disk.unplant(`${directory}/vote`)
  const file = await VoteFile.establish({ ...options, vote: { currentTerm, votedFor, walFlush } })
  await file.close()

  const error = await cluster.failure(cluster.start(machine))

  expect(error.code).toBe('QUORATE_CORRUPT')
  expect(error.details['file']).toBe(`${directory}/vote`)
  expect(error.message).toContain('member replace')
  expect(disk.paths().filter((path) => path.includes('damaged'))).toEqual([])
})

/** As Node has it: an error with a code of the system's. */
function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: refused`), { code })
}

/** What opening a node ends with; the data directory stays as it is. */
async function openingOf(cluster: Cluster): Promise<unknown> {
  const machine = cluster.machine('n1')
  const opening = openNode(cluster.ports(machine), cluster.settings(machine))
  const ended = opening.then(
    (open) => open,
    (error: unknown) => error,
  )
  return await cluster.done(ended)
}

async function made(): Promise<Cluster> {
  const cluster = new Cluster(1, 1)
  await cluster.initialise(cluster.machine('n1'))
  return cluster
}

test.each(['EIO', 'EACCES', 'ENOSPC', 'EMFILE'])(
  'what the system refuses while the state is opened is told as QUORATE_STORAGE: %s',
  async (code) => {
    const cluster = await made()
    const cause = systemError(code)
    cluster.machine('n1').openErrors.push(cause)

    const error = await openingOf(cluster)

    expect(error).toBeInstanceOf(QuorateError)
    expect(error).toMatchObject({ code: 'QUORATE_STORAGE', cause })
    expect(String(error)).toContain('/data could not be opened')
    expect(String(error)).toContain(code)
    // Everything was let go of: the next attempt finds the lock free.
    await cluster.start(cluster.machine('n1'))
    await cluster.down()
  },
)

test('each operation of the disk that fails while a node is opened is told as QUORATE_STORAGE', async () => {
  const whole = await made()
  const { disk } = whole.machine('n1')
  const before = [...disk.counts.values()].reduce((sum, count) => sum + count, 0)
  await whole.start(whole.machine('n1'))
  const after = [...disk.counts.values()].reduce((sum, count) => sum + count, 0)
  await whole.down()
  expect(after - before).toBeGreaterThan(20)
  const told = new Map<number, unknown>()
  for (let nth = 1; nth <= after - before; nth++) {
    const cluster = await made()
    cluster.machine('n1').disk.fail({ operation: 'any', nth, error: 'EIO' })
    const error = await openingOf(cluster)
    if (error instanceof Error) told.set(nth, 'code' in error ? error.code : String(error))
    else await cluster.down()
  }
  expect(told.size).toBeGreaterThan(15)
  expect(new Set(told.values())).toEqual(new Set(['QUORATE_STORAGE']))
})

test('an error that is no refusal of the system stays what it is', async () => {
  const cluster = await made()
  const bug = new TypeError('this is a bug')
  cluster.machine('n1').openErrors.push(bug)

  expect(await openingOf(cluster)).toBe(bug)
})
