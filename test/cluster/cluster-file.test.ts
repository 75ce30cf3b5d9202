// Goal: cluster.json is replaced as a whole, read with distrust, and follows its directory; two
// commands at once lose nothing. Method: real files in a temporary directory.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  clusterFileName,
  dropNode,
  forgetProcess,
  nodePaths,
  parseClusterFile,
  readClusterFile,
  requireClusterFile,
  updateNode,
  withClusterLock,
  writeClusterFile,
  type ClusterFile,
} from '../../src/cluster/cluster-file.ts'

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'quorate-file-'))
})

afterEach(() => {
  rmSync(directory, { recursive: true })
})

function cluster(dataDirectory = directory): ClusterFile {
  const ids = ['n1', 'n2', 'n3']
  return {
    schema: 1,
    clusterName: 'local-1',
    clusterId: 'abcdef',
    dataDirectory,
    initialised: true,
    tuning: { heartbeatMs: 100, logLevel: 'debug', walMaxBytes: 1_000_000, walKeepEntries: 0 },
    nodes: ids.map((id, i) => ({
      id,
      pid: null,
      clientAddress: `127.0.0.1:${7101 + i}`,
      peerAddress: `127.0.0.1:${7201 + i}`,
      ...nodePaths(dataDirectory, id),
    })),
  }
}

describe('the document', () => {
  test('comes back as it was written, and leaves no temporary file', () => {
    writeClusterFile(cluster())
    expect(readClusterFile(directory)).toEqual(cluster())
    expect(readdirSync(directory)).toEqual([clusterFileName])
  })

  test('is absent where there is none, and asked for it is refused', () => {
    expect(readClusterFile(directory)).toBeUndefined()
    expect(readClusterFile(join(directory, 'none'))).toBeUndefined()
    expect(() => requireClusterFile(directory)).toThrow(
      expect.objectContaining({ code: 'QUORATE_NOT_INITIALISED' }),
    )
  })

  test('a copy of the directory has paths of its own', () => {
    writeClusterFile(cluster())
    const copy = join(directory, 'copy')
    mkdirSync(copy)
    cpSync(join(directory, clusterFileName), join(copy, clusterFileName))
    const found = requireClusterFile(copy)
    expect(found.dataDirectory).toBe(copy)
    expect(found.nodes.map((node) => node.directory)).toEqual([
      join(copy, 'n1'),
      join(copy, 'n2'),
      join(copy, 'n3'),
    ])
  })
})

describe('a document that was damaged or edited', () => {
  const edited = (change: (file: Record<string, unknown>) => void): string => {
    const file = JSON.parse(JSON.stringify(cluster('/d'))) as Record<string, unknown>
    change(file)
    return JSON.stringify(file)
  }
  const withNode = (change: object): string =>
    edited((file) => (file['nodes'] = [{ ...cluster('/d').nodes[0], ...change }]))

  test('unchanged it is fine', () => {
    expect(
      parseClusterFile(
        edited(() => {}),
        'f',
      ),
    ).toEqual(cluster('/d'))
    expect(parseClusterFile(withNode({ pid: 2 }), 'f').nodes).toHaveLength(1)
  })

  test.each([
    ['{', 'QUORATE_CORRUPT'],
    ['[]', 'QUORATE_CORRUPT'],
    ['null', 'QUORATE_CORRUPT'],
    [edited((file) => (file['schema'] = 2)), 'QUORATE_FORMAT_TOO_NEW'],
    [edited((file) => delete file['clusterId']), 'QUORATE_CORRUPT'],
    [edited((file) => (file['nodes'] = [])), 'QUORATE_CORRUPT'],
    [edited((file) => (file['nodes'] = {})), 'QUORATE_CORRUPT'],
    // A signal to 0 or -1 would go to every process that may be signalled.
    [withNode({ pid: 0 }), 'QUORATE_CORRUPT'],
    [withNode({ pid: -1 }), 'QUORATE_CORRUPT'],
    [withNode({ pid: 1 }), 'QUORATE_CORRUPT'],
    [withNode({ pid: '12' }), 'QUORATE_CORRUPT'],
    [withNode({ pid: 1.5 }), 'QUORATE_CORRUPT'],
    [withNode({ id: '../..' }), 'QUORATE_CORRUPT'],
    [withNode({ id: '.' }), 'QUORATE_CORRUPT'],
    [withNode({ clientAddress: 7101 }), 'QUORATE_CORRUPT'],
  ])('%s is refused: %s', (text, code) => {
    expect(() => parseClusterFile(text, 'cluster.json')).toThrow(expect.objectContaining({ code }))
  })

  test('tuning that makes no sense is dropped', () => {
    const text = edited(
      (file) =>
        (file['tuning'] = { heartbeatMs: -1, logLevel: 7, walKeepEntries: -1, walMaxBytes: 0 }),
    )
    expect(parseClusterFile(text, 'f').tuning).toEqual({})
  })
})

describe('changes', () => {
  test('at once by many commands are all kept', async () => {
    writeClusterFile(cluster())
    await Promise.all(
      cluster().nodes.map((node, i) =>
        updateNode(directory, node.id, (now) => ({ ...now, pid: 1000 + i })),
      ),
    )
    const pids = requireClusterFile(directory).nodes.map((node) => node.pid)
    expect(pids).toEqual([1000, 1001, 1002])
    expect(readdirSync(directory)).toEqual([clusterFileName])
  })

  test('of the whole document wait for one another, and leave nothing behind', async () => {
    const path = join(directory, 'c')
    const order: string[] = []
    const command = (name: string) =>
      withClusterLock(path, async () => {
        order.push(`${name} begins`)
        await new Promise((resolve) => setImmediate(resolve))
        order.push(`${name} ends`)
      })
    await Promise.all([command('a'), command('b')])
    expect(order).toEqual(['a begins', 'a ends', 'b begins', 'b ends'])
    expect(readdirSync(directory)).toEqual([])
    const file = join(directory, 'file')
    writeFileSync(file, '')
    await expect(withClusterLock(file, async () => {})).rejects.toMatchObject({
      code: 'QUORATE_USAGE',
    })
  })

  test('wait while another command makes one', async () => {
    writeClusterFile(cluster())
    const lock = join(directory, `${clusterFileName}.lock`)
    mkdirSync(lock)
    const update = updateNode(directory, 'n2', (now) => ({ ...now, pid: 77 }))
    await new Promise((resolve) => setImmediate(resolve))
    expect(requireClusterFile(directory).nodes[1]?.pid).toBeNull()
    rmSync(lock, { recursive: true })
    await update
    expect(requireClusterFile(directory).nodes[1]?.pid).toBe(77)
  })

  test('a lock whose holder was killed long ago is taken over', async () => {
    writeClusterFile(cluster())
    const lock = join(directory, `${clusterFileName}.lock`)
    mkdirSync(lock)
    utimesSync(lock, 1, 1)
    await updateNode(directory, 'n2', (now) => ({ ...now, pid: 77 }))
    expect(requireClusterFile(directory).nodes[1]?.pid).toBe(77)
  })

  test('see what another command has changed meanwhile', async () => {
    writeClusterFile(cluster())
    const [first] = cluster().nodes
    await updateNode(directory, 'n1', (now) => ({ ...now, pid: 1000 }))
    // Whoever has ended process 77 says nothing of process 1000, which was started since.
    await forgetProcess(directory, { ...first!, pid: 77 })
    expect(requireClusterFile(directory).nodes[0]?.pid).toBe(1000)
    await forgetProcess(directory, { ...first!, pid: 1000 })
    expect(requireClusterFile(directory).nodes[0]?.pid).toBeNull()
  })

  test('a node that is dropped is remembered, and the last one stays', async () => {
    writeClusterFile(cluster())
    for (const id of ['n3', 'n1', 'n2']) await dropNode(directory, id)
    const file = requireClusterFile(directory)
    expect(file.nodes.map(({ id }) => id)).toEqual(['n2'])
    expect(file.dropped).toEqual(['n3', 'n1'])
    const text = JSON.stringify({ ...file, dropped: ['../x'] })
    expect(() => parseClusterFile(text, 'f')).toThrow('dropped')
  })

  test('a write that was cut off leaves the old document', () => {
    writeClusterFile(cluster())
    const before = readFileSync(join(directory, clusterFileName), 'utf8')
    writeFileSync(join(directory, `${clusterFileName}.999.tmp`), before.slice(0, 40))
    expect(readClusterFile(directory)).toEqual(cluster())
  })
})
