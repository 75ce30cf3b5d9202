/**
 * Goal: nodes are started by the documented commands, such that they reach each other and are
 * reached by clients through the links alone.
 * Method: the command lines, on links whose addresses say who dials whom.
 */
import { expect, test } from 'vitest'
import { nodeIds } from '../../../jepsen-style/cluster/local.ts'
import {
  initCommand,
  joinCommand,
  startCommand,
} from '../../../jepsen-style/cluster/node-commands.ts'
import { fakeLinks } from '../nemesis/fake-cluster.ts'

const parts = {
  launcher: '/package/bin/quorate.js',
  links: fakeLinks,
  ids: nodeIds(3),
  tuning: {},
  extra: [],
}

test('node init: all members with the addresses that they listen on, clients by way of the links', () => {
  const node = { id: 'n2', dataDirectory: '/data/n2', clusterName: 'a run' }
  expect(initCommand(parts, node)).toEqual([
    process.execPath,
    '/package/bin/quorate.js',
    'node',
    'init',
    '--id',
    'n2',
    '--data-dir',
    '/data/n2',
    '--cluster',
    'a run',
    '--peers',
    'n1=n1:2,n2=n2:2,n3=n3:2',
    '--clients',
    'n1=clients-to-n1:4,n2=clients-to-n2:4,n3=clients-to-n3:4',
  ])
})

test('node start: the others by way of the links, where the links want it to live', () => {
  expect(startCommand(parts, { id: 'n2', dataDirectory: '/data/n2' })).toEqual([
    'at',
    'n2',
    process.execPath,
    '/package/bin/quorate.js',
    'node',
    'start',
    '--data-dir',
    '/data/n2',
    '--client-listen',
    'n2:1',
    '--peer-listen',
    'n2:2',
    '--client-advertise',
    'clients-to-n2:4',
    '--peers',
    'n1=n2-to-n1:3,n3=n2-to-n3:3',
  ])
})

test('a node alone has no peers to be told of', () => {
  const alone = startCommand({ ...parts, ids: nodeIds(1) }, { id: 'n1', dataDirectory: '/d' })
  expect(alone).not.toContain('--peers')
})

test('tuning and further arguments', () => {
  const tuning = {
    heartbeatMs: 20,
    electionTimeoutMinMs: 100,
    electionTimeoutMaxMs: 300,
    logLevel: 'debug',
  } as const
  const tuned = startCommand(
    { ...parts, tuning, extra: ['--config', 'c.json'] },
    { id: 'n1', dataDirectory: '/d' },
  )
  expect(tuned.slice(-10)).toEqual([
    '--heartbeat',
    '20',
    '--election-timeout-min',
    '100',
    '--election-timeout-max',
    '300',
    '--log-level',
    'debug',
    '--config',
    'c.json',
  ])
})

test('node init --join: asks nodes that run, from the place where it is to live', () => {
  const node = { id: 'n7', place: 'spare-1', dataDirectory: '/data/n7', asked: 'n1:1,n2:1' }
  expect(joinCommand(parts, node)).toEqual([
    'at',
    'spare-1',
    process.execPath,
    '/package/bin/quorate.js',
    'node',
    'init',
    '--id',
    'n7',
    '--data-dir',
    '/data/n7',
    '--join',
    'n1:1,n2:1',
  ])
})

test('node start: one that joins listens, and dials the others, from its place', () => {
  const node = { id: 'n7', place: 'spare-1', dataDirectory: '/data/n7' }
  const command = startCommand(parts, node).join(' ')
  expect(command.startsWith('at spare-1 ')).toBe(true)
  expect(command).toContain('--client-listen spare-1:1 --peer-listen spare-1:2')
  expect(command).toContain('--client-advertise clients-to-spare-1:4')
  expect(command).toContain('--peers n1=spare-1-to-n1:3,n2=spare-1-to-n2:3,n3=spare-1-to-n3:3')
})

test('node start: with a small log', () => {
  const tuning = { walMaxBytes: 262_144, walKeepEntries: 100 }
  const command = startCommand({ ...parts, tuning }, { id: 'n1', dataDirectory: '/data/n1' })
  expect(command.join(' ')).toContain('--wal-max 262144B --wal-keep 100')
})
