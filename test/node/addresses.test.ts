/**
 * Goal: clients and members are told addresses that lead to a node: those that the cluster was told
 * of it before those that it tells itself, and never one that means every address of a machine.
 * Method: the rules as tables; a cluster in memory whose members are told of another address; real
 * nodes on loopback for what only real listeners say.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { LogFields } from '../../src/logger.ts'
import { addressWarnings, clientAddressOf, peerAddressOf } from '../../src/node/addresses.ts'
import { initialiseNode, startNode } from '../../src/node/index.ts'
import type { KnownMember } from '../../src/node/member-list.ts'
import { nodeSettings } from '../../src/node/options.ts'
import { fetchNodeStatus } from '../../src/cluster/node-status.ts'
import { Cluster } from './support/cluster.ts'

const known = (peerAddress: string, clientAddress?: string): KnownMember => ({
  id: 'n1',
  peerAddress,
  clientAddress,
  voter: true,
  priority: 0,
  staysLearner: false,
  incarnation: undefined,
})

describe('the rules', () => {
  test.each([
    ['a:1', 'b:2', 'a:1'],
    [undefined, 'b:2', 'b:2'],
    ['a:1', undefined, 'a:1'],
    ['a:1', '0.0.0.0:2', 'a:1'],
    ['0.0.0.0:1', 'b:2', 'b:2'],
    [undefined, '0.0.0.0:2', undefined],
    [undefined, '[::]:2', undefined],
    [undefined, '[0:0:0:0:0:0:0:0]:2', undefined],
    [undefined, '[::1]:2', '[::1]:2'],
    [undefined, '', undefined],
    [undefined, undefined, undefined],
  ])('the cluster says %s of it, it says %s: clients are told %s', (told, said, expected) => {
    expect(clientAddressOf(known('x:1', told), { clientAddress: said })).toBe(expected)
  })

  test('a peer address that this node was told to dial elsewhere is the one it tells', () => {
    const said = { peerAddress: 'b:2' }
    expect(peerAddressOf(known('a:1'), said, false)).toBe('a:1')
    expect(peerAddressOf(known('a:1'), said, true)).toBe('b:2')
    expect(peerAddressOf(known('a:1'), { peerAddress: '0.0.0.0:2' }, true)).toBe('a:1')
    expect(peerAddressOf(known('0.0.0.0:1'), undefined, false)).toBe('0.0.0.0:1')
  })

  const loopback = {
    peerListen: '127.0.0.1:7201',
    peerAdvertise: undefined,
    clientListen: '127.0.0.1:7101',
    clientAdvertise: undefined,
  }

  test.each<[string[], KnownMember | undefined, Partial<Parameters<typeof addressWarnings>[0]>]>([
    [[], undefined, {}],
    [[], known('127.0.0.1:7201', 'localhost:1'), {}],
    [['--peer-listen'], known('10.0.0.1:7201'), {}],
    [['--peer-listen', '--client-listen'], known('10.0.0.1:1', '10.0.0.1:2'), {}],
    [[], known('10.0.0.1:1'), { peerAdvertise: '10.0.0.1:1' }],
    [[], known('10.0.0.1:1'), { peerListen: '0.0.0.0:1' }],
    [['--client-advertise'], undefined, { clientListen: '0.0.0.0:7101' }],
    [[], known('a:1', 'a:2'), { peerListen: 'a:1', clientListen: '[::]:2' }],
    [[], undefined, { clientListen: '[::]:2', clientAdvertise: 'a:2' }],
  ])('warns of %j', (options, member, own) => {
    const warned = addressWarnings({ ...loopback, ...own }, member)
    expect(warned.map(([, fields]) => fields['option'])).toEqual(options)
  })

  test('warns where clients are told another address than the one it advertises', () => {
    const own = { ...loopback, clientAdvertise: 'b:2' }
    expect(addressWarnings(own, known('127.0.0.1:1', 'a:1'))).toEqual([
      [
        expect.stringContaining('not its own'),
        { member: 'a:1', advertised: 'b:2', command: 'quorate member update' },
      ],
    ])
    expect(addressWarnings(own, known('127.0.0.1:1', 'b:2'))).toEqual([])
  })

  test('an address that leads nowhere cannot be advertised', () => {
    const refused = (address: object) => () => nodeSettings({ dataDirectory: 'd', ...address })
    expect(refused({ clientAdvertise: '0.0.0.0:7101' })).toThrow(/must lead to this node/)
    expect(refused({ peerAdvertise: '[::]:7201' })).toThrow(/must lead to this node/)
    expect(refused({ clientListen: '0.0.0.0:7101' })).not.toThrow()
  })
})

describe('a cluster', () => {
  let cluster: Cluster | undefined

  afterEach(async () => {
    await cluster?.down()
    cluster = undefined
  })

  test('tells clients the address that it was told for a member, though that runs', async () => {
    const on = await new Cluster().up()
    cluster = on
    const leader = await on.leader()
    const [follower] = on.followers(leader)
    const db = await on.client()
    await on.done(db.updateMember(leader.id, { clientAddress: 'elsewhere:7101' }))
    await on.until('all know', () =>
      on.machines.every(({ status }) =>
        status.members.some(({ clientAddress }) => clientAddress === 'elsewhere:7101'),
      ),
    )
    expect(leader.status.clientAddress).toBe('elsewhere:7101')
    for (const { status } of on.machines) {
      const told = status.members.find(({ id }) => id === leader.id)
      expect(told).toMatchObject({
        peerAddress: `${leader.id}:7201`,
        clientAddress: 'elsewhere:7101',
      })
    }
    // A client that has nothing but a follower is sent there, too.
    const one = await on.client({ timeout: 500, pin: true }, [follower?.id ?? ''])
    const refused = await on.failure(one.put('k', 'v'))
    expect(refused.details).toMatchObject({ leader: leader.id, leaderAddress: 'elsewhere:7101' })
  })
})

describe('a real node', () => {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-addresses-'))

  afterEach(() => rmSync(directory, { recursive: true, force: true }))

  test('that listens on all addresses tells none, and says so; on loopback it says so', async () => {
    const warned: LogFields[] = []
    const nothing = (): void => {}
    const logger = {
      debug: nothing,
      info: nothing,
      warn: (_: string, fields: LogFields = {}) => void warned.push(fields),
      error: nothing,
    }
    const members = [{ id: 'n1', peerAddress: '10.0.0.1:7201' }]
    await initialiseNode({ path: directory, nodeId: 'n1', clusterName: 'c', members })
    const node = await startNode({
      dataDirectory: directory,
      clientListen: '0.0.0.0:0',
      peerListen: '127.0.0.1:0',
      logger,
    })
    try {
      const port = node.clientAddress.slice(node.clientAddress.lastIndexOf(':'))
      const { members: told } = await fetchNodeStatus(`127.0.0.1${port}`, 5_000)
      expect(told[0]?.clientAddress).toBeUndefined()
      expect(warned.flatMap(({ option }) => option)).toEqual([
        '--peer-listen',
        '--client-advertise',
      ])
    } finally {
      await node.close()
    }
  })
})
