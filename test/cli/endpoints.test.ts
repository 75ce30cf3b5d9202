// Goal: it is always clear which cluster a command talks to. Method: all sources of endpoints, in
// the order in which they win.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultEndpoints, findEndpoints } from '../../src/cli/endpoints.ts'
import { writeClusterFile } from '../../src/cluster/cluster-file.ts'

let cwd = ''

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'quorate-endpoints-'))
})

afterEach(() => {
  rmSync(cwd, { recursive: true })
})

function makeCluster(directory: string, port: number): void {
  writeClusterFile({
    schema: 1,
    clusterName: 'c',
    clusterId: 'id',
    dataDirectory: directory,
    initialised: true,
    tuning: {},
    nodes: [
      {
        id: 'n1',
        pid: null,
        clientAddress: `127.0.0.1:${port}`,
        peerAddress: `127.0.0.1:${port + 100}`,
        directory: join(directory, 'n1'),
        logFile: join(directory, 'logs', 'n1.log'),
      },
    ],
  })
}

describe('endpoints', () => {
  test('the flag wins over everything', async () => {
    makeCluster(join(cwd, '.quorate'), 9101)
    const env = { QUORATE_ENDPOINTS: 'b:2' }
    const found = await findEndpoints({ cwd, env }, { endpoints: ['a:1'] })
    expect(found).toMatchObject({ endpoints: ['a:1'], source: 'flag' })
  })

  test('a directory that was named wins over the environment', async () => {
    makeCluster(join(cwd, 'other'), 9201)
    const env = { QUORATE_ENDPOINTS: 'b:2' }
    const found = await findEndpoints({ cwd, env }, { dataDir: 'other' })
    expect(found).toMatchObject({ endpoints: ['127.0.0.1:9201'], source: 'cluster' })
  })

  test('the environment wins over the cluster that lies about', async () => {
    makeCluster(join(cwd, '.quorate'), 9101)
    const env = { QUORATE_ENDPOINTS: 'b:2,c:3' }
    const found = await findEndpoints({ cwd, env }, {})
    expect(found).toMatchObject({ endpoints: ['b:2', 'c:3'], source: 'environment' })
  })

  test('then the cluster of ./.quorate, then the usual ports', async () => {
    const env = { QUORATE_ENDPOINTS: '' }
    expect(await findEndpoints({ cwd, env }, {})).toEqual({
      endpoints: defaultEndpoints,
      source: 'default',
      local: undefined,
    })
    makeCluster(join(cwd, '.quorate'), 9101)
    const found = await findEndpoints({ cwd, env }, {})
    expect(found).toMatchObject({ endpoints: ['127.0.0.1:9101'], source: 'cluster' })
    expect(found.local?.clusterId).toBe('id')
  })

  test('a directory that was named has to be a cluster', async () => {
    await expect(findEndpoints({ cwd, env: {} }, { dataDir: 'none' })).rejects.toMatchObject({
      code: 'QUORATE_NOT_INITIALISED',
    })
  })

  test('an environment that makes no sense is refused, not passed over', async () => {
    const env = { QUORATE_ENDPOINTS: 'here' }
    await expect(findEndpoints({ cwd, env }, {})).rejects.toMatchObject({
      code: 'QUORATE_USAGE',
      message: expect.stringContaining('QUORATE_ENDPOINTS'),
    })
  })
})
