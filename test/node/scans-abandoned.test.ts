/**
 * Goal: a client that goes away, or loses interest, in the middle of a page or of an opening costs
 * the node nothing: no failure that is not the client's own, no scan that stays open.
 * Method: open scans over a real state machine; the client's end falls into every step of a page.
 */
import { describe, expect, test } from 'vitest'
import type { KeyRange } from '../../src/command/index.ts'
import { QuorateError } from '../../src/errors.ts'
import { Scans } from '../../src/node/scans.ts'
import type { StateMachine } from '../../src/state/index.ts'
import type { ReplyBody } from '../../src/transport/index.ts'
import { Driver, openMachine, put } from '../state/support.ts'
import { MemoryDatabase } from '../suites/memory-database.ts'

const everything: KeyRange = { reverse: false, limit: Infinity, keysOnly: false }
const steps = 150

async function filled(): Promise<StateMachine> {
  const machine = await openMachine(await new MemoryDatabase().open())
  const driver = new Driver(machine, 1_767_225_600_000)
  for (let i = 0; i < 700; i++) driver.write(put(`k${i}`, 'x'.repeat(100)))
  await machine.flush()
  return machine
}

function owner() {
  return { reply: () => {} }
}

/** How a page ended: the body, or the code of the error. */
async function endOf(page: Promise<ReplyBody>): Promise<string> {
  try {
    return (await page).kind
  } catch (error) {
    return error instanceof QuorateError ? error.code : String(error)
  }
}

describe('the client goes away', () => {
  test.each(['the connection closes', 'the client closes the scan', 'the node stops'])(
    'in any step of a page: %s',
    async (how) => {
      const { reader } = await filled()
      const ends = new Set<string>()
      for (let step = 0; step < steps; step++) {
        const scans = new Scans(() => 0)
        const client = owner()
        const page = endOf(scans.open(client, reader, everything))
        for (let i = 0; i < step; i++) await Promise.resolve()
        if (how === 'the connection closes') await scans.closeOwnedBy(client)
        else if (how === 'the node stops') await scans.closeAll()
        else await scans.close(client, 1)
        ends.add(await page)
        // Whatever is left open is in the way of the next one: at the cap this fails.
        await scans.closeAll()
      }
      for (const end of ends) expect(['page', 'QUORATE_SCAN_LOST']).toContain(end)
      expect(ends).toContain('QUORATE_SCAN_LOST')
    },
  )

  test('while the scan is being opened: it is not left open', async () => {
    const { reader } = await filled()
    const scans = new Scans(() => 0)
    for (let i = 0; i < 200; i++) {
      const client = owner()
      const page = endOf(scans.open(client, reader, everything))
      await scans.closeOwnedBy(client)
      expect(await page).toBe('QUORATE_SCAN_LOST')
    }
  })
})
