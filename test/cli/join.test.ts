// Goal: a node that joins learns of the cluster from its nodes, or is told, and never takes a name
// that is in use. Method: HTTP servers that play nodes, and real data directories.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { realDisk } from '../../src/system/index.ts'
import { openDataDirectory, type Identity } from '../../src/wal/index.ts'
import { FakeNodes } from './fake-nodes.ts'
import { quorate, type Ended } from './harness.ts'
import { member } from './views.ts'

const clusterId = '00112233445566778899aabbccddeeff'
let cwd = ''
let nodes = new FakeNodes()

beforeEach(async () => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-join-'))
  nodes = await new FakeNodes().add({ clusterId }, { clusterId }, { clusterId })
})

afterEach(async () => {
  rmSync(cwd, { recursive: true })
  await nodes.close()
})

const run = (words: string): Promise<Ended> => quorate(words.split(' '), { cwd })

async function identity(): Promise<Identity> {
  const directory = await openDataDirectory({ disk: realDisk, path: join(cwd, 'd') })
  await directory.close()
  return directory.identity
}

describe('asking the cluster', () => {
  test('makes a directory that joins it, and says the next two commands', async () => {
    const [first = ''] = nodes.addresses
    const ended = await run(`node init --id n4 --data-dir d --join ${first}`)
    expect(ended.code).toBe(0)
    expect(ended.stdout).toContain(`${join(cwd, 'd')} is now the directory of n4, to join cluster`)
    expect(ended.stderr).toContain(`quorate node start --data-dir ${join(cwd, 'd')}`)
    expect(ended.stderr).toContain(`quorate member add n4 <its peer address> -e ${first}`)
    expect(await identity()).toMatchObject({
      clusterId,
      nodeId: 'n4',
      joining: true,
      members: [
        { id: 'n1', peerAddress: '10.0.0.1:7201', clientAddress: first },
        { id: 'n2', peerAddress: '10.0.0.2:7201' },
        { id: 'n3', peerAddress: '10.0.0.3:7201' },
      ],
    })
  })

  test('keeps voters where there are more members than an identity has room for', async () => {
    nodes.members = (all) => [
      ...Array.from({ length: 8 }, (_, i) =>
        member(`a${i + 1}`, {
          voter: i >= 2,
          peerAddress: `10.1.0.${i}:7201`,
          clientAddress: undefined,
        }),
      ),
      ...all,
    ]
    const ended = await run(`node init --id n4 --data-dir d --join ${nodes.endpoints} -o json`)
    expect(JSON.parse(ended.stdout)).toMatchObject({
      schema: 1,
      id: 'n4',
      clusterId,
      joining: true,
    })
    const { members } = await identity()
    expect(members.map(({ id }) => id)).toEqual([
      'a3',
      'a4',
      'a5',
      'a6',
      'a7',
      'a8',
      'n1',
      'n2',
      'n3',
    ])
  })

  test('refuses a name that is in use, and says how a lost node comes back', async () => {
    const ended = await run(`node init --id n2 --data-dir d --join ${nodes.endpoints}`)
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('quorate member replace n2 <newId> <peerAddress>')
    expect(existsSync(join(cwd, 'd'))).toBe(false)
  })

  test('refuses nodes of two clusters', async () => {
    const strangers = await new FakeNodes().add({ clusterId: 'ff'.repeat(16) })
    const both = `${nodes.endpoints},${strangers.endpoints}`
    const ended = await run(`node init --id n4 --data-dir d --join ${both}`)
    await strangers.close()
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('name nodes of one cluster')
  })

  test('says when nobody answers', async () => {
    const ended = await run('node init --id n4 --data-dir d --join 127.0.0.1:1')
    expect(ended.code).toBe(5)
    expect(existsSync(join(cwd, 'd'))).toBe(false)
  })
})

describe('told by hand', () => {
  const told = `--cluster-id ${clusterId} --peers n1=10.0.0.1:7201,n2=10.0.0.2:7201`

  test('makes the same directory', async () => {
    const ended = await run(`node init --id n4 --data-dir d --join ${told}`)
    expect(ended.code).toBe(0)
    expect(await identity()).toMatchObject({ clusterId, joining: true, nodeId: 'n4' })
  })

  test.each([
    `node init --id n1 --data-dir d --join ${told}`,
    `node init --id n4 --data-dir d --join --cluster-id ${clusterId}`,
    'node init --id n4 --data-dir d --join --peers n1=10.0.0.1:7201',
    `node init --id n4 --data-dir d --join ${told} --cluster c`,
    `node init --id n4 --data-dir d --join 127.0.0.1:1 ${told}`,
    `node init --data-dir d --join ${told}`,
    `node init --id n4 --join ${told}`,
    `node init --id n4 --data-dir d --join nowhere`,
  ])('%s is a usage error', async (words) => {
    const ended = await run(words)
    expect(ended.code).toBe(2)
    expect(existsSync(join(cwd, 'd'))).toBe(false)
  })
})

test('the first member of a cluster is told to listen where the others look for it', async () => {
  const peers = 'n1=10.0.0.1:7201,n2=10.0.0.2:7201'
  const ended = await run(
    `node init --id n1 --data-dir d --cluster c --peers ${peers} --clients n1=10.0.0.1:7101`,
  )
  expect(ended.code).toBe(0)
  expect(ended.stderr).toContain(
    `next: quorate node start --data-dir ${join(cwd, 'd')} --client-listen 10.0.0.1:7101 ` +
      '--peer-listen 10.0.0.1:7201\n',
  )
})
