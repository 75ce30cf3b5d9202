/**
 * Goal: a client that goes away while its export is being opened leaves nothing open, and one that
 * asks for a frame again, because the answer takes long, gets it.
 * Method: exports of a real state machine; the client's end falls into the opening, and the state is
 * slow at will.
 */
import { describe, expect, test } from 'vitest'
import { QuorateError } from '../../src/errors.ts'
import { Exports } from '../../src/node/exports.ts'
import type { StateMachine } from '../../src/state/index.ts'
import type { ReplyBody } from '../../src/transport/index.ts'
import { Driver, openMachine, put } from '../state/support.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'

async function filled(): Promise<StateMachine> {
  const machine = await openMachine(await new MemoryDatabase().open())
  const driver = new Driver(machine, 1_767_225_600_000)
  for (let i = 0; i < 700; i++) driver.write(put(`k${i}`, 'x'.repeat(1_000)))
  return machine
}

function owner() {
  return { reply: () => {} }
}

/** How it ended: the body's kind, or the code of the error. */
async function endOf(reply: Promise<ReplyBody>): Promise<string> {
  try {
    return (await reply).kind
  } catch (error) {
    return error instanceof QuorateError ? error.code : String(error)
  }
}

describe('while an export is being opened', () => {
  test.each(['the connection closes', 'the node stops'])('%s: it is not left open', async (how) => {
    const machine = await filled()
    const exports = new Exports(() => 0)
    for (let i = 0; i < 3; i++) {
      const client = owner()
      const opened = endOf(exports.open(client, () => machine.openExport(), 'history'))
      if (how === 'the node stops') await exports.closeAll()
      else await exports.closeOwnedBy(client)
      expect(await opened).toBe('QUORATE_EXPORT_LOST')
    }
    // The machine has room for five: none of those three is among them.
    for (let i = 0; i < 5; i++) await machine.openExport()
  })

  test('that of another client goes on', async () => {
    const machine = await filled()
    const exports = new Exports(() => 0)
    const opened = endOf(exports.open(owner(), () => machine.openExport(), 'history'))
    await exports.closeOwnedBy(owner())
    expect(await opened).toBe('export')
  })
})

test('a frame that is asked for again while it is read is the same; another one is refused', async () => {
  const machine = await filled()
  const view = await machine.openExport()
  const frame = view.frame.bind(view)
  let release = (): void => {}
  view.frame = async (n) => {
    await new Promise<void>((resolve) => {
      release = resolve
    })
    return await frame(n)
  }
  let now = 0
  const exports = new Exports(() => now)
  const client = owner()
  const body = await exports.open(client, () => Promise.resolve(view), 'history')
  if (body.kind !== 'export') throw new Error(body.kind)
  const read = (n: number) => exports.frame(client, body.exportId, n)
  for (const n of [0, 1]) {
    const first = read(n)
    const again = read(n)
    expect(await endOf(read(n + 1))).toBe('QUORATE_USAGE')
    // It is not idle, however long that takes.
    now += 1_000_000
    await exports.expire()
    release()
    const answer = await first
    expect(answer).toMatchObject({ kind: 'frame', last: false })
    expect(await again).toEqual(answer)
  }
})
