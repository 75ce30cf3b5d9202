/**
 * Goal: an export comes whole and in order, whatever is late or lost on the way, or ends with an
 * error that says that it did not; and it holds no place on its node longer than needed.
 * Method: a scripted node over the memory network on a manual clock.
 */
import { describe, expect, test } from 'vitest'
import type { Client, SnapshotExport } from '../../src/client/index.ts'
import type { ReplyBody, Request } from '../../src/transport/client-protocol.ts'
import { clusterId, error } from './fake-node.ts'
import type { FakeNode, Reaction } from './fake-node.ts'
import { World } from './world.ts'

const head: ReplyBody = {
  kind: 'export',
  exportId: 3,
  snapshot: { term: 2, index: 70 },
  revision: 12,
  clusterTime: 1000,
  historyId: 'h0',
}

const part = (number: number, last = false): ReplyBody => ({
  kind: 'frame',
  bytes: Uint8Array.of(number),
  last,
})

/** A node with an export of three frames; a test may do otherwise with a frame. */
function exporting(
  otherwise: (frame: number, asked: number) => Reaction | undefined = () => undefined,
): (request: Request) => Reaction {
  const asked = new Map<number, number>()
  return (request) => {
    if (request.kind === 'export') return head
    if (request.kind === 'exportClose') return { kind: 'done' }
    if (request.kind !== 'exportFrame') return error('QUORATE_INTERNAL')
    const { frame } = request
    asked.set(frame, (asked.get(frame) ?? 0) + 1)
    return otherwise(frame, asked.get(frame) ?? 0) ?? part(frame, frame === 2)
  }
}

async function begin(react = exporting()) {
  const world = new World()
  const [node] = await world.start(1, react)
  const db = await world.connect()
  return { world, node: node as FakeNode, db }
}

async function frames(world: World, copy: SnapshotExport): Promise<number[]> {
  const numbers: number[] = []
  for (;;) {
    const { value, done } = await world.end(copy.next())
    if (done === true) return numbers
    numbers.push(value[0] ?? -1)
  }
}

const open = (world: World, db: Client) => world.end(db.exportSnapshot({ timeout: 1000 }))

const asked = (node: FakeNode): (number | string)[] =>
  node.asked().map((request) => (request.kind === 'exportFrame' ? request.frame : request.kind))

describe('an export', () => {
  test('says what it is, gives its frames in order, and is closed after the last', async () => {
    const { world, node, db } = await begin()
    const copy = await open(world, db)
    const { snapshot, revision, clusterTime, historyId } = head as typeof head &
      SnapshotExport['header']
    const told = { clusterId, nodeId: 'n1', snapshot, revision, clusterTime, historyId }
    expect(copy.header).toEqual(told)
    expect(await frames(world, copy)).toEqual([0, 1, 2])
    await world.clock.advance(10)
    expect(asked(node)).toEqual(['export', 0, 1, 2, 'exportClose'])
    expect(await world.end(copy.next())).toEqual({ value: undefined, done: true })
  })

  test('is read by an iteration, which closes it when it is left', async () => {
    const { world, node, db } = await begin()
    const copy = await open(world, db)
    const read = async (): Promise<void> => {
      for await (const frame of copy) {
        expect(frame).toEqual(Uint8Array.of(0))
        break
      }
    }
    await world.end(read())
    await world.clock.advance(10)
    expect(asked(node)).toEqual(['export', 0, 'exportClose'])
    await world.end(copy.close())
    expect(asked(node)).toHaveLength(3)
  })

  test('calls of `next` that do not wait for each other get different frames', async () => {
    const { world, db } = await begin()
    const copy = await open(world, db)
    const results = await world.end(Promise.all([copy.next(), copy.next(), copy.next()]))
    expect(results.map(({ value }) => value?.[0])).toEqual([0, 1, 2])
  })

  test('a frame that does not come in time is asked for again, and no other', async () => {
    const { world, node, db } = await begin(
      exporting((frame, times) => (frame === 1 && times < 3 ? 'silent' : undefined)),
    )
    const copy = await open(world, db)
    expect(await frames(world, copy)).toEqual([0, 1, 2])
    expect(asked(node)).toEqual(['export', 0, 1, 1, 1, 2, 'exportClose'])
  })

  test('a node that does not answer any more ends it', async () => {
    const { world, node, db } = await begin(
      exporting((frame) => (frame === 1 ? 'silent' : undefined)),
    )
    const copy = await open(world, db)
    await world.end(copy.next())
    expect(await world.failure(copy.next())).toMatchObject({ code: 'QUORATE_EXPORT_LOST' })
    await world.clock.advance(10)
    expect(asked(node)).toEqual(['export', 0, 1, 1, 1, 'exportClose'])
  })

  test.each([
    ['a lost connection', 'cut'],
    ['an export that the node does not hold', error('QUORATE_EXPORT_LOST')],
    ['damage', error('QUORATE_CORRUPT')],
    ['an answer that makes no sense', { kind: 'done' }],
  ] as const)('%s ends it: another node has another copy', async (_what, reaction) => {
    const { world, node, db } = await begin(
      exporting((frame) => (frame === 1 ? reaction : undefined)),
    )
    const copy = await open(world, db)
    await world.end(copy.next())
    expect(await world.failure(copy.next())).toMatchObject({
      code: 'QUORATE_EXPORT_LOST',
      outcome: 'not-applied',
      retryable: true,
    })
    expect(await world.end(copy.next())).toEqual({ value: undefined, done: true })
    expect(asked(node).filter((each) => each === 1)).toHaveLength(1)
  })

  test('a connection that was lost between two frames is not taken for the one after it', async () => {
    const { world, node, db } = await begin()
    const copy = await open(world, db)
    await world.end(copy.next())
    node.cutAll()
    await world.clock.advance(10)
    await world.end(db.status())
    expect(node.connectionsMade).toBe(2)
    expect(await world.failure(copy.next())).toMatchObject({ code: 'QUORATE_EXPORT_LOST' })
    expect(asked(node)).toEqual(['export', 0])
  })

  test('the caller’s own end is no loss', async () => {
    const { world, db } = await begin(exporting((frame) => (frame === 1 ? 'silent' : undefined)))
    const giveUp = new AbortController()
    const copy = await world.end(db.exportSnapshot({ signal: giveUp.signal }))
    await world.end(copy.next())
    const next = copy.next()
    await world.clock.advance(10)
    giveUp.abort()
    expect(await world.failure(next)).toMatchObject({ code: 'QUORATE_ABORTED' })
  })

  test('as many as there may be, it waits for room', async () => {
    let refusals = 2
    const { world, db } = await begin((request) => {
      if (request.kind === 'export' && refusals-- > 0) return error('QUORATE_OVERLOADED')
      return exporting()(request)
    })
    expect(await frames(world, await open(world, db))).toEqual([0, 1, 2])
  })

  test('one that was opened after it was given up is closed on its node', async () => {
    const { world, node, db } = await begin(() => 'silent')
    const failed = await world.failure(db.exportSnapshot({ timeout: 100 }))
    expect(failed).toMatchObject({ code: 'QUORATE_TIMEOUT', outcome: 'not-applied' })
    for (const seen of node.seen) if (seen.request.kind === 'export') node.reply(seen, head)
    await world.clock.advance(10)
    expect(asked(node)).toEqual(['export', 'exportClose'])
  })
})
