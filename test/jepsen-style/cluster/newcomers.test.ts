/**
 * Goal: nodes join under ids of their own at places that are free, count as joined only with a vote,
 * and are gone, member and process, when they are removed or cleared away.
 * Method: a cluster of one list of members, and nodes that run as soon as they are told.
 */
import { QuorateError } from 'quorate'
import { beforeEach, expect, test } from 'vitest'
import { Newcomers, NobodyAnswered } from '../../../jepsen-style/cluster/newcomers.ts'
import type { MemberClient, Newcomer } from '../../../jepsen-style/cluster/newcomers.ts'
import type { NodeState } from '../../../jepsen-style/cluster/cluster.ts'
import { until } from '../../../jepsen-style/cluster/waiting.ts'

let members: Map<string, { voter: boolean }>
let log: string[]
let processes: Map<string, { state: NodeState; last: string | undefined }>
/** Refusals of the next calls. */
let refusals: QuorateError[]
let newcomers: Newcomers

function done(what: string): void {
  const refusal = refusals.shift()
  if (refusal !== undefined) throw refusal
  log.push(what)
}

/** One that was removed learns of it, and ends. */
function gone(id: string): void {
  members.delete(id)
  const found = processes.get(id)
  if (found?.state === 'running') Object.assign(found, { state: 'stopped', last: 'exit code 0' })
}

const cluster = {
  addMember: async ({ id, peerAddress }: { id: string; peerAddress: string }) => {
    done(`add ${id} at ${peerAddress}`)
    members.set(id, { voter: true })
  },
  removeMember: async (id: string) => {
    done(`remove ${id}`)
    gone(id)
  },
  replaceMember: async (id: string, by: { id: string }) => {
    done(`replace ${id} by ${by.id}`)
    members.set(by.id, { voter: true })
    gone(id)
  },
  members: async () => ({ members: [...members].map(([id, member]) => ({ id, ...member })) }),
  transferLeadership: async (to: string | undefined) => to ?? 'n2',
  close: async () => void log.push('closed'),
} as unknown as MemberClient

function make(number: number, place: string): Newcomer {
  const id = `n${3 + number}`
  const process: { state: NodeState; last: string | undefined } = {
    state: 'stopped',
    last: undefined,
  }
  processes.set(id, process)
  return {
    id,
    place,
    peerAddress: `${place}:2`,
    clientAddress: `${place}:1`,
    dataDirectory: '',
    logFile: '',
    state: () => process.state,
    pid: () => undefined,
    endings: () => ({ count: 0, last: process.last }),
    begin: async () => {
      log.push(`begin ${id} at ${place}`)
      process.state = 'running'
    },
    kill: async () => {
      if (process.state === 'running') process.last = 'SIGKILL'
      process.state = 'stopped'
    },
  }
}

beforeEach(() => {
  members = new Map([['n1', { voter: true }]])
  log = []
  processes = new Map()
  refusals = []
  newcomers = new Newcomers({ places: ['a', 'b'], connect: async () => cluster, make })
})

test('one joins, is replaced, and the other is removed; their places are used again', async () => {
  expect(await newcomers.join()).toBe('n4')
  expect(await newcomers.replace('n4')).toBe('n5')
  expect(await newcomers.remove('n5')).toBe('exit code 0')
  expect(await newcomers.join()).toBe('n6')
  expect(log).toEqual([
    'begin n4 at a',
    'add n4 at a:2',
    'begin n5 at b',
    'replace n4 by n5',
    'remove n5',
    'begin n6 at a',
    'add n6 at a:2',
  ])
  expect([...members.keys()]).toEqual(['n1', 'n6'])
})

test('what the cluster refuses is tried again', async () => {
  refusals = [new QuorateError('QUORATE_MEMBERSHIP', 'a change is under way')]
  expect(await newcomers.join()).toBe('n4')
  expect(log).toEqual(['begin n4 at a', 'add n4 at a:2'])
})

test('one that nobody answers, since all are down, begins once somebody does', async () => {
  let unanswered = 2
  newcomers = new Newcomers({
    places: ['a'],
    connect: async () => cluster,
    make: (number, place) => {
      const node = make(number, place)
      return {
        ...node,
        begin: async () => {
          if (unanswered-- > 0) throw new NobodyAnswered('no node answers')
          await node.begin()
        },
      }
    },
  })
  expect(await newcomers.join()).toBe('n4')
  expect(log).toEqual(['begin n4 at a', 'add n4 at a:2'])
})

test('one that is cleared away before it runs does not join after all', async () => {
  let began: Newcomer | undefined
  newcomers = new Newcomers({
    places: ['a'],
    connect: async () => cluster,
    make: (number, place) => {
      const node = make(number, place)
      began = {
        ...node,
        begin: async () => {
          await newcomers.clear()
          await node.begin()
        },
      }
      return began
    },
  })
  await expect(newcomers.join()).rejects.toThrow('given up')
  expect(began?.state()).toBe('stopped')
  expect([...members.keys()]).toEqual(['n1'])
})

test('there are as many as places', async () => {
  await newcomers.join()
  await newcomers.join()
  await expect(newcomers.join()).rejects.toThrow('no place')
})

test('clear: members are removed, those that never became one are ended', async () => {
  await newcomers.join()
  await newcomers.join()
  members.delete('n5')
  await newcomers.kill('n5')
  log = []
  await newcomers.clear()
  expect(log).toEqual(['remove n4'])
  expect([...members.keys()]).toEqual(['n1'])
  expect([...processes.values()].map(({ state }) => state)).toEqual(['stopped', 'stopped'])
  await newcomers.clear()
  expect(log).toEqual(['remove n4'])
})

test('close ends every process, and the connection', async () => {
  await newcomers.join()
  await newcomers.close()
  expect(log.at(-1)).toBe('closed')
  expect([...processes.values()].map(({ last }) => last)).toEqual(['SIGKILL'])
})

test('nothing joins after a close: neither one that nobody answers, nor one that is refused', async () => {
  const trying = (begin: () => Promise<void>): Promise<string> => {
    newcomers = new Newcomers({
      places: ['a'],
      connect: async () => cluster,
      make: (number, place) => ({ ...make(number, place), begin }),
    })
    return newcomers.join()
  }
  let tries = 0
  const unanswered = trying(async () => {
    tries++
    throw new NobodyAnswered('no node answers')
  })
  await newcomers.close()
  await expect(unanswered).rejects.toThrow('no node answers')
  expect(tries).toBeLessThanOrEqual(2)

  refusals = Array.from({ length: 100 }, () => new QuorateError('QUORATE_MEMBERSHIP', 'not now'))
  const refused = trying(async () => {})
  await until(() => refusals.length < 100, 5_000)
  await newcomers.close()
  await expect(refused).rejects.toThrow('closed')
  expect([...members.keys()]).toEqual(['n1'])
})

test('only those that joined are in its hands', async () => {
  await expect(newcomers.remove('n1')).rejects.toThrow('no node n1 that joined')
  await expect(newcomers.replace('n1')).rejects.toThrow('no node n1 that joined')
  await expect(newcomers.kill('n1')).rejects.toThrow('no node n1 that joined')
})
