/**
 * Goal: changes of members and of the leader are made once, repeated while that can help and told
 * honestly; a client follows its cluster while all of its nodes are replaced.
 * Method: scripted nodes over the memory network on a manual clock.
 */
import { describe, expect, test } from 'vitest'
import type { MemberChange, ReplyBody, Request } from '../../src/transport/client-protocol.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { applied, error, FakeNode } from './fake-node.ts'
import type { Reaction } from './fake-node.ts'
import { World } from './world.ts'

const membersReply: ReplyBody = {
  kind: 'members',
  index: 7,
  members: [
    { id: 'n1', peerAddress: 'n1:7201', clientAddress: 'n1:7101', voter: true, priority: 3 },
  ],
}
const result = { index: 7, members: membersReply.members }

const because = (code: ErrorCode, reason: string): ReplyBody => error(code, { details: { reason } })

const changesOf = (node: FakeNode): MemberChange[] =>
  node.asked('member').flatMap((request) => (request.kind === 'member' ? [request.change] : []))

/** Reacts with one after the other, then with the last for good. */
function inTurn(...reactions: readonly Reaction[]): (request: Request) => Reaction {
  let at = 0
  return () => reactions[Math.min(at++, reactions.length - 1)] ?? 'silent'
}

describe('changes of members', () => {
  test('each is asked of the leader, as it was meant', async () => {
    const world = new World()
    const [leader, follower] = await world.start(3, () => membersReply)
    const db = await world.connect()
    const by = { id: 'n5', peerAddress: 'n5:7201' }
    const calls = [
      db.addMember({ id: 'n4', peerAddress: 'n4:7201' }),
      db.addMember({ ...by, clientAddress: 'n5:7101', learner: true, priority: 9 }),
      db.promoteMember('n5'),
      db.removeMember('n4'),
      db.replaceMember('n2', by),
      db.updateMember('n3', { priority: 2 }),
    ]
    for (const call of calls) expect(await world.end(call)).toEqual(result)
    const bare = { clientAddress: undefined }
    expect(changesOf(leader!)).toEqual([
      { type: 'add', id: 'n4', peerAddress: 'n4:7201', ...bare, learner: false, priority: 0 },
      { type: 'add', ...by, clientAddress: 'n5:7101', learner: true, priority: 9 },
      { type: 'promote', id: 'n5' },
      { type: 'remove', id: 'n4' },
      { type: 'replace', id: 'n2', by: { ...by, ...bare } },
      { type: 'update', id: 'n3', peerAddress: undefined, ...bare, priority: 2 },
    ])
    expect(follower!.asked()).toEqual([])
  })

  test('what cannot be meant is refused before anything is sent', async () => {
    const world = new World()
    const [node] = await world.start(1, () => membersReply)
    const db = await world.connect()
    const peerAddress = 'n4:7201'
    const wrong = [
      () => db.addMember({ id: 'no name', peerAddress }),
      () => db.addMember({ id: 'n4', peerAddress: 'no address' }),
      () => db.addMember({ id: 'n4', peerAddress: '' }),
      () => db.addMember({ id: 'n4', peerAddress, clientAddress: 'a'.repeat(301) }),
      () => db.addMember({ id: 'n4', peerAddress, priority: 256 }),
      () => db.addMember({ id: 'n4', peerAddress, priority: 0.5 }),
      () => db.promoteMember(''),
      () => db.removeMember('ä'),
      () => db.replaceMember('n1', { id: '', peerAddress }),
      () => db.updateMember('n1', { priority: -1 }),
      () => db.transferLeadership('no name'),
    ]
    for (const call of wrong) {
      const failure = await world.failure(call())
      expect(failure).toMatchObject({ code: 'QUORATE_USAGE', outcome: 'not-applied', attempts: 0 })
    }
    expect(node!.asked()).toEqual([])
  })

  test.each(['changeInProgress', 'noCommitInTerm', 'transferring', 'lagging'])(
    '%s passes: the change is asked for again, of the same leader',
    async (reason) => {
      const world = new World()
      const refusal = because('QUORATE_MEMBERSHIP', reason)
      const [leader, follower] = await world.start(2, inTurn(refusal, refusal, membersReply))
      const db = await world.connect()
      expect(await world.end(db.promoteMember('n2'))).toEqual(result)
      expect([changesOf(leader!).length, changesOf(follower!).length]).toEqual([3, 0])
      // It leads still: nobody is asked who does.
      expect([leader!.asked('status'), follower!.asked('status')]).toEqual([[], []])
    },
  )

  test('one that does not pass in time ends with the reason, not-applied', async () => {
    const world = new World()
    await world.start(1, () => because('QUORATE_MEMBERSHIP', 'lagging'))
    const db = await world.connect()
    const failure = await world.failure(db.promoteMember('n2', { timeout: 3000 }))
    expect(failure).toMatchObject({
      code: 'QUORATE_MEMBERSHIP',
      outcome: 'not-applied',
      details: { reason: 'lagging' },
    })
    expect(failure.attempts).toBeGreaterThan(3)
  })

  test.each(['losesQuorum', 'unknownMember', 'notLearner', 'tooManyMembers', 'from the future'])(
    '%s ends the call at once',
    async (reason) => {
      const world = new World()
      await world.start(1, () => because('QUORATE_MEMBERSHIP', reason))
      const db = await world.connect()
      expect(await world.failure(db.removeMember('n2'))).toMatchObject({
        code: 'QUORATE_MEMBERSHIP',
        outcome: 'not-applied',
        attempts: 1,
        details: { reason },
      })
    },
  )

  test('after a lost connection it is asked for again, and finds itself done', async () => {
    const world = new World()
    const [leader] = await world.start(1, inTurn('cut', membersReply))
    const db = await world.connect()
    expect(await world.end(db.removeMember('n2'))).toEqual(result)
    expect(changesOf(leader!)).toHaveLength(2)
  })

  test('without an answer nobody knows, whatever is refused afterwards', async () => {
    const world = new World()
    const late = because('QUORATE_MEMBERSHIP', 'losesQuorum')
    const [leader] = await world.start(1, inTurn('cut', late))
    const db = await world.connect()
    expect(await world.failure(db.removeMember('n2'))).toMatchObject({ outcome: 'unknown' })
    leader!.react = () => 'silent'
    expect(await world.failure(db.removeMember('n2', { timeout: 1000 }))).toMatchObject({
      code: 'QUORATE_TIMEOUT',
      outcome: 'unknown',
    })
  })

  test('a node that catches up for long is waited for, though attempts are bounded', async () => {
    const world = new World()
    const [leader] = await world.start(1, () => 'silent')
    const db = await world.connect({ attemptTimeout: 100 })
    const added = db.addMember({ id: 'n4', peerAddress: 'n4:7201' }, { timeout: 600_000 })
    await world.clock.advance(300_000)
    for (const seen of leader!.seen) {
      if (seen.request.kind === 'member') leader!.reply(seen, membersReply)
    }
    expect(await world.end(added)).toEqual(result)
    expect(changesOf(leader!)).toHaveLength(1)
  })

  test('the members are those that the leader tells, not one that was', async () => {
    const world = new World()
    const [n1, n2] = await world.start(2)
    const db = await world.connect()
    n1!.leader = 'n2'
    n2!.leader = 'n2'
    n2!.term = n1!.term = 2
    const told = await world.end(db.members())
    expect(told).toMatchObject({ leader: 'n2', term: 2, lastIndex: 1, commitIndex: 1 })
    expect(told.members).toEqual(n2!.status().members)
  })

  test('without a leader nobody can tell the members', async () => {
    const world = new World()
    await world.start(2)
    const db = await world.connect()
    world.lead(undefined)
    expect(await world.failure(db.members())).toMatchObject({
      code: 'QUORATE_NO_QUORUM',
      outcome: 'not-applied',
    })
  })
})

describe('leadership', () => {
  const moved = (leader: string): ReplyBody => ({ kind: 'transferred', leader })

  test('it is handed to the one that is named, or to whom the leader chooses', async () => {
    const world = new World()
    const [leader] = await world.start(3, inTurn(moved('n3'), moved('n2')))
    const db = await world.connect()
    expect(await world.end(db.transferLeadership('n3'))).toBe('n3')
    expect(await world.end(db.transferLeadership())).toBe('n2')
    expect(leader!.asked('transfer')).toMatchObject([{ to: 'n3' }, { to: undefined }])
  })

  test('a reason that passes is waited out, another one ends the call', async () => {
    const world = new World()
    const [leader] = await world.start(1)
    const db = await world.connect()
    for (const reason of ['inProgress', 'unreachable', 'timedOut', 'otherLeader']) {
      leader!.react = inTurn(because('QUORATE_TRANSFER', reason), moved('n2'))
      expect(await world.end(db.transferLeadership('n2'))).toBe('n2')
    }
    for (const reason of ['unknownMember', 'notVoter']) {
      leader!.react = () => because('QUORATE_TRANSFER', reason)
      const failure = await world.failure(db.transferLeadership('n2'))
      expect(failure).toMatchObject({ code: 'QUORATE_TRANSFER', attempts: 1, details: { reason } })
    }
  })

  test('the answer lost with the old leader, it is not handed on a second time', async () => {
    const world = new World()
    const nodes = await world.start(3)
    const transfers: string[] = []
    for (const node of nodes) {
      node.react = (request) => {
        if (request.kind !== 'transfer') return error('QUORATE_INTERNAL')
        if (node.leader !== node.id) {
          return error('QUORATE_NOT_LEADER', { details: { leader: node.leader ?? '' } })
        }
        if (request.to === node.id) return moved(node.id)
        const to = request.to ?? (node.id === 'n1' ? 'n2' : 'n3')
        transfers.push(`${node.id} to ${to}`)
        world.lead(to)
        return node.id === 'n1' ? 'cut' : moved(to)
      }
    }
    const db = await world.connect()
    expect(await world.end(db.transferLeadership())).toBe('n2')
    expect(transfers).toEqual(['n1 to n2'])
  })

  test('the request lost before it had an effect, it is made again of the same leader', async () => {
    const world = new World()
    const [leader] = await world.start(2, inTurn('cut', moved('n2')))
    const db = await world.connect()
    expect(await world.end(db.transferLeadership())).toBe('n2')
    expect(leader!.asked('transfer')).toMatchObject([{ to: undefined }, { to: undefined }])
  })
})

describe('following', () => {
  /** A node that takes writes while it leads. */
  function serve(world: World, node: FakeNode): FakeNode {
    node.react = (request) => {
      if (request.kind !== 'write') return error('QUORATE_INTERNAL')
      if (node.leader === node.id) return applied(1)
      return error('QUORATE_NOT_LEADER', { details: { leader: node.leader ?? '' } })
    }
    world.nodes.push(node)
    return node
  }

  /** The members are these from now on, and the nodes say so. */
  function change(world: World, ids: readonly string[], announce = true): void {
    const members = ids.map((id) => ({ id, clientAddress: `${id}:7101` }))
    for (const node of world.nodes) {
      if (!ids.includes(node.id)) continue
      if (announce) node.announce(members)
      else node.members = members
    }
  }

  async function stop(world: World, id: string): Promise<void> {
    const node = world.nodes.find((each) => each.id === id)
    await world.end(node!.stop())
    node!.cutAll()
    world.nodes.splice(world.nodes.indexOf(node!), 1)
  }

  test.each([1, 3])('given %i of three endpoints it outlives them all', async (given) => {
    const world = new World()
    for (const id of ['n1', 'n2', 'n3']) {
      await serve(world, new FakeNode(world.network, id)).start()
    }
    world.lead('n1')
    change(world, ['n1', 'n2', 'n3'], false)
    const db = await world.connect({}, ['n1:7101', 'n2:7101', 'n3:7101'].slice(0, given))
    let members = ['n1', 'n2', 'n3']
    for (const [old, fresh] of [
      ['n1', 'n4'],
      ['n2', 'n5'],
      ['n3', 'n6'],
    ] as const) {
      const node = serve(world, new FakeNode(world.network, fresh))
      node.leader = members[0]
      await node.start()
      members = [...members.filter((id) => id !== old), fresh]
      change(world, [...members, old])
      await world.clock.advance(100)
      change(world, members)
      await world.clock.advance(100)
      world.lead(fresh)
      await stop(world, old)
      await world.clock.advance(20_000)
      expect(await world.end(db.put('k', old))).toMatchObject({ verdict: 'applied' })
    }
    expect(world.nodes.map(({ id }) => id)).toEqual(['n4', 'n5', 'n6'])
    const status = await world.end(db.status())
    const answered = status.endpoints.flatMap(({ node }) => node?.id ?? [])
    expect(answered.toSorted()).toEqual(['n4', 'n5', 'n6'])
  })

  test('one that is added is connected to at once; one that is removed is let go', async () => {
    const world = new World()
    await serve(world, new FakeNode(world.network, 'n1')).start()
    change(world, ['n1'], false)
    await world.connect()
    const added = await serve(world, new FakeNode(world.network, 'n2')).start()
    change(world, ['n1', 'n2'])
    await world.clock.advance(100)
    expect(added.connectionsMade).toBe(1)
    world.nodes[0]!.announce([{ id: 'n1', clientAddress: 'n1:7101' }])
    await world.clock.advance(100)
    expect(world.network.connections).toBe(1)
    await world.clock.advance(60_000)
    expect(added.connectionsMade).toBe(1)
  })

  test('one that was removed answers what it was asked before it is let go', async () => {
    const world = new World()
    const n1 = serve(world, new FakeNode(world.network, 'n1'))
    const n2 = serve(world, new FakeNode(world.network, 'n2'))
    await n1.start()
    await n2.start()
    world.lead('n2')
    change(world, ['n1', 'n2'], false)
    const db = await world.connect({}, ['n1:7101'])
    n2.react = () => 'silent'
    const removed = db.removeMember('n2')
    await world.clock.advance(100)
    n1.announce([{ id: 'n1', clientAddress: 'n1:7101' }])
    await world.clock.advance(100)
    for (const seen of n2.seen) if (seen.request.kind === 'member') n2.reply(seen, membersReply)
    expect(await world.end(removed)).toEqual(result)
  })

  test('a node that is no member itself cannot make others be let go', async () => {
    const world = new World()
    const n1 = serve(world, new FakeNode(world.network, 'n1'))
    const n2 = serve(world, new FakeNode(world.network, 'n2'))
    await n1.start()
    await n2.start()
    change(world, ['n1', 'n2'], false)
    const db = await world.connect({}, ['n1:7101'])
    await world.end(db.status())
    expect(n2.connectionsMade).toBe(1)
    n1.announce([])
    await world.clock.advance(100)
    expect(world.network.connections).toBe(2)
  })

  test('a wiped node under its old name, first back after a power cut, makes nobody forgotten', async () => {
    const world = new World()
    const [n1, n2, n3] = await Promise.all(
      ['n1', 'n2', 'n3'].map((id) => serve(world, new FakeNode(world.network, id)).start()),
    )
    world.lead('n1')
    change(world, ['n1', 'n2', 'n3'], false)
    const db = await world.connect({}, ['n1:7101', 'n2:7101'])
    // Two others come in the places of n1 and n3.
    for (const id of ['n4', 'n5']) {
      const node = serve(world, new FakeNode(world.network, id))
      node.leader = 'n4'
      await node.start()
    }
    change(world, ['n2', 'n4', 'n5'])
    await world.clock.advance(100)
    world.lead('n4')
    await stop(world, 'n1')
    await stop(world, 'n3')
    expect(await world.end(db.put('k', 'before'))).toMatchObject({ verdict: 'applied' })

    // The power goes. n2 comes back with nothing but its first configuration: nobody lets it in.
    const [n4, n5] = world.nodes.filter(({ id }) => id !== 'n2')
    for (const node of [n2!, n4!, n5!]) {
      await world.end(node.stop())
      node.cutAll()
    }
    await world.clock.advance(1_000)
    n2!.members = [n1!, n2!, n3!].map(({ id, address }) => ({ id, clientAddress: address }))
    n2!.leader = undefined
    n2!.term = 0
    await n2!.start()
    expect(await world.failure(db.put('k', 'meanwhile', { timeout: 20_000 }))).toMatchObject({
      code: 'QUORATE_NO_QUORUM',
    })
    await n4!.start()
    await n5!.start()
    await world.clock.advance(20_000)
    expect(await world.end(db.put('k', 'after'))).toMatchObject({ verdict: 'applied' })
  })

  test('a pinned client stays where it is', async () => {
    const world = new World()
    const n1 = serve(world, new FakeNode(world.network, 'n1'))
    await n1.start()
    await world.connect({ pin: true }, ['n1:7101'])
    const n2 = await serve(world, new FakeNode(world.network, 'n2')).start()
    change(world, ['n1', 'n2'])
    await world.clock.advance(10_000)
    expect(n2.connectionsMade).toBe(0)
  })
})

describe('a full disk', () => {
  test('writes are repeated until there is room again', async () => {
    const world = new World()
    const full = error('QUORATE_DISK_FULL')
    const [leader, follower] = await world.start(2, inTurn(full, full, full, applied(4)))
    const db = await world.connect()
    expect(await world.end(db.put('k', 'v'))).toMatchObject({ verdict: 'applied', revision: 4 })
    expect([leader!.asked('write').length, follower!.asked('write').length]).toEqual([4, 0])
  })

  test('without room in time the call ends with that, not-applied', async () => {
    const world = new World()
    await world.start(1, () => error('QUORATE_DISK_FULL'))
    const db = await world.connect()
    expect(await world.failure(db.put('k', 'v', { timeout: 2000 }))).toMatchObject({
      code: 'QUORATE_DISK_FULL',
      outcome: 'not-applied',
      retryable: true,
    })
  })
})
