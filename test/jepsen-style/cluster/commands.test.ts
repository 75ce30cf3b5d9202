/**
 * Goal: nodes are started by the documented commands, such that they reach each other and are
 * reached by clients through the links alone.
 * Method: the command lines, on links whose addresses say who dials whom.
 */
import { expect, test } from 'vitest'
import { nodeIds } from '../../../jepsen-style/cluster/local.ts'
import { initCommand, startCommand } from '../../../jepsen-style/cluster/node-commands.ts'
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
