/** Our side: three nodes as users start them, with the defaults that users get. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { version } from 'quorate'
import type { Measured } from '../report/record.ts'
import { askJson } from './http.ts'
import { LoadProcess } from './load-process.ts'
import { ServerCluster, type ServerKind } from './server-cluster.ts'
import type { SideKind } from './side.ts'

const run = promisify(execFile)
const ids = ['n1', 'n2', 'n3'] as const

/** The built package, seen from it: `bin` lies beside the folder of its sources and of its build. */
function launcher(): string {
  return fileURLToPath(new URL('../bin/quorate.js', import.meta.resolve('quorate')))
}

/** Our side as it is built. */
export function quorateSide(): SideKind {
  return sideOf('quorate', 'defaults: fdatasync on a majority before the answer', [])
}

/** The same nodes without their state machine; see `core/without-state.ts`. */
export function coreSide(): SideKind {
  const preload = new URL('../core/without-state.js', import.meta.url)
  return sideOf('core', 'the same without its state machine', ['--import', preload.href])
}

/** `nodeArgs`: what the nodes' processes are told before the program. */
function sideOf(name: Measured, settings: string, nodeArgs: readonly string[]): SideKind {
  const program = fileURLToPath(new URL('../load/main.js', import.meta.url))
  return {
    name,
    version: `Quorate ${version}`,
    settings,
    load: (endpoints) => new LoadProcess([process.execPath, program], endpoints),
    start: async (directory) => await ServerCluster.start(quorateServers(nodeArgs), directory, ids),
  }
}

function quorateServers(nodeArgs: readonly string[]): ServerKind {
  const bin = launcher()
  return {
    name: 'quorate',
    prepare: async ({ id, client, peer, data }, all) => {
      const peers = all.map((node) => `${node.id}=${node.peer}`).join(',')
      await run(process.execPath, [bin, 'node', 'init', '--id', id, '--data-dir', data,
        '--cluster', 'bench', '--peers', peers]) // prettier-ignore
      return [process.execPath, ...nodeArgs, bin, 'node', 'start', '--data-dir', data,
        '--client-listen', client, '--peer-listen', peer, '--log-level', 'warn'] // prettier-ignore
    },
    ready: async (endpoint) => (await askJson(`http://${endpoint}/readyz`)) !== undefined,
    leads: async (endpoint) => {
      const status = await askJson(`http://${endpoint}/status`)
      const term = status?.['term']
      return status?.['role'] === 'leader' && typeof term === 'number' ? term : undefined
    },
  }
}
