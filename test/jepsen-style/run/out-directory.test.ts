/**
 * Goal: a place that cannot hold results is refused before anything is started, and a run that does
 * not begin leaves nothing behind but what tells why.
 * Method: real directories; the rest of the world is made up.
 */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QuorateError } from 'quorate'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openDirectory } from '../../../jepsen-style/run/out-directory.ts'
import type { RunPorts } from '../../../jepsen-style/run/ports.ts'
import { runChaosIn } from '../../../jepsen-style/run/run-chaos.ts'
import { fakeCluster, fakeNemesis, fakeWorld } from './fakes.ts'

let home: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'quorate-out-'))
})
afterEach(() => rmSync(home, { recursive: true, force: true }))

const now = new Date('2026-01-31T12:00:00Z')

test('a directory is made with those above it, and nothing is in it', async () => {
  const path = join(home, 'a', 'b')
  const directory = await openDirectory(path, now)
  expect(directory.made).toEqual([path, join(home, 'a')])
  expect(readdirSync(path)).toEqual([])
})

describe.runIf(existsSync('/proc/self'))('where files cannot be made', () => {
  // Node's own recursive mkdir never ends there.
  test.each(['/proc/quorate', '/proc/quorate/a', '/proc/self/quorate', '/proc/self'])(
    '%s is refused at once',
    async (path) => {
      const { ports, log } = fakeWorld()
      const run = runChaosIn(ports, { directory: path, workload: 'numbers', nemeses: ['kill'] })
      await expect(run).rejects.toMatchObject({ code: 'QUORATE_USAGE' })
      expect(log).toEqual([])
    },
  )
})

test('what was made above a directory that cannot be made goes again', async () => {
  const long = 'x'.repeat(300)
  await expect(openDirectory(join(home, 'a', long), now)).rejects.toThrow('cannot be made')
  expect(readdirSync(home)).toEqual([])
})

describe('a run that does not begin', () => {
  /** What the nodes wrote before they failed, and how the start ends. */
  function failing(options: { log: string; begin: 'never serve' | 'no cluster' }): RunPorts {
    const { ports, log } = fakeWorld({ ready: () => false })
    return {
      ...ports,
      openCluster: async ({ directory }) => {
        mkdirSync(join(directory, 'n1'), { recursive: true })
        writeFileSync(join(directory, 'n1', 'node.json'), '{}')
        writeFileSync(join(directory, 'n1.log'), options.log)
        if (options.begin === 'no cluster') throw new Error('n2 could not be started')
        const logFile = join(directory, 'n1.log')
        const node = { ...fakeNode, logFile }
        return { ...fakeCluster(log, () => false), nodes: [node], node: () => node }
      },
    }
  }
  const fakeNode = {
    id: 'n1',
    dataDirectory: '',
    state: () => 'running' as const,
    pid: () => 1,
    endings: () => ({ count: 0, last: undefined }),
  }
  const play = (ports: RunPorts, path: string): Promise<unknown> =>
    runChaosIn(ports, { directory: path, workload: 'numbers', nemeses: ['kill'] })

  test.each(['never serve', 'no cluster'] as const)(
    'leaves the logs of the nodes alone (%s)',
    async (begin) => {
      const path = join(home, 'out')
      await expect(play(failing({ log: 'no port is free\n', begin }), path)).rejects.toThrow()
      expect(readdirSync(path, { recursive: true, encoding: 'utf8' }).sort()).toEqual([
        'logs',
        'logs/n1.log',
      ])
    },
  )

  test('leaves nothing where the logs say nothing', async () => {
    const path = join(home, 'above', 'out')
    await expect(play(failing({ log: '', begin: 'never serve' }), path)).rejects.toThrow()
    expect(readdirSync(home)).toEqual([])
  })

  test('leaves a directory that was there, and nothing in it', async () => {
    const ports = failing({ log: '', begin: 'no cluster' })
    await expect(play(ports, home)).rejects.toThrow()
    expect(readdirSync(home)).toEqual([])
  })

  test('leaves nothing where it was refused for what it was told to do', async () => {
    const path = join(home, 'out')
    const { ports, log } = fakeWorld({
      nemeses: (said) => [fakeNemesis('kill', said, { unavailable: 'there is no root' })],
    })
    const refused = play(ports, path)
    await expect(refused).rejects.toBeInstanceOf(QuorateError)
    await expect(refused).rejects.toThrow('there is no root')
    expect(log).toEqual(['cluster closed', 'links closed'])
    expect(existsSync(path)).toBe(false)
  })
})
