// Goal: nodes get ports that nobody has, and a port that was asked for is never silently another.
// Method: the choice against a probe that says which ports are taken, with laws over random sets.
import * as fc from 'fast-check'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  choosePorts,
  defaultPort,
  peerPortOffset,
  realProbe,
  type PortProbe,
} from '../../src/cluster/ports.ts'

function probe(taken: readonly number[], any: readonly number[] = []): PortProbe {
  const rest = [...any]
  return {
    isFree: async (port) => !taken.includes(port),
    anyFree: async () => rest.shift() ?? 50_000,
  }
}

const choose = (nodes: number, port: number | undefined, taken: readonly number[] = []) =>
  choosePorts({ nodes, port, probe: probe(taken) })

describe('the usual ports', () => {
  test('are taken where they are free', async () => {
    expect(await choose(3, undefined)).toEqual([
      { client: 7101, peer: 7201 },
      { client: 7102, peer: 7202 },
      { client: 7103, peer: 7203 },
    ])
  })

  test('move on where a client or a peer port is taken', async () => {
    expect(await choose(3, undefined, [7102, 7203])).toEqual([
      { client: 7101, peer: 7201 },
      { client: 7104, peer: 7204 },
      { client: 7105, peer: 7205 },
    ])
  })

  test('whatever is taken, the choice is free, distinct, and 100 apart', async () => {
    const ports = fc.integer({ min: defaultPort, max: defaultPort + 250 })
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(ports, { maxLength: 200 }),
        fc.integer({ min: 1, max: 9 }),
        async (taken, nodes) => {
          const chosen = await choose(nodes, undefined, taken)
          const all = chosen.flatMap(({ client, peer }) => [client, peer])
          expect(chosen).toHaveLength(nodes)
          expect(new Set(all).size).toBe(2 * nodes)
          expect(all.filter((port) => taken.includes(port))).toEqual([])
          expect(chosen.every(({ client, peer }) => peer === client + peerPortOffset)).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('ports that were asked for', () => {
  test('are given', async () => {
    expect(await choose(2, 9000)).toEqual([
      { client: 9000, peer: 9100 },
      { client: 9001, peer: 9101 },
    ])
  })

  test.each([9000, 9001, 9100, 9101])('are an error where %d is taken', async (taken) => {
    await expect(choose(2, 9000, [taken])).rejects.toMatchObject({
      code: 'QUORATE_PORT_IN_USE',
      message: expect.stringContaining(`port ${taken}`),
    })
  })

  test('must leave room for the peers’ ports', async () => {
    expect(await choose(1, 65_435)).toEqual([{ client: 65_435, peer: 65_535 }])
    await expect(choose(2, 65_435)).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
  })
})

describe('any free ports', () => {
  test('skip those whose peer port is taken, out of range, or given already', async () => {
    const some = probe([40_100], [40_000, 65_500, 41_000, 41_000, 41_100, 40_900, 42_000])
    expect(await choosePorts({ nodes: 2, port: 0, probe: some })).toEqual([
      { client: 41_000, peer: 41_100 },
      { client: 42_000, peer: 42_100 },
    ])
  })

  test('give up where there are none', async () => {
    const none: PortProbe = { isFree: async () => false, anyFree: async () => 50_000 }
    await expect(choosePorts({ nodes: 1, port: 0, probe: none })).rejects.toMatchObject({
      code: 'QUORATE_PORT_IN_USE',
    })
  })
})

test('the operating system is asked by binding', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(await realProbe.isFree(port)).toBe(false)
  await new Promise<void>((resolve) => void server.close(() => resolve()))
  expect(await realProbe.isFree(port)).toBe(true)
  expect(await realProbe.anyFree()).toBeGreaterThan(1023)
})
