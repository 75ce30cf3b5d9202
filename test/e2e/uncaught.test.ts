/**
 * Goal: a node that met an error nobody expected ends at once, with exit code 1 and a line that says
 * why. One whose task died in silence would look alive and do nothing (`openraft#1795`).
 * Method: a real node, started by a script that raises the error within it when it is told to.
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { LifeCluster } from '../life/nodes.ts'
import { temporaryDirectory } from './harness.ts'

const bin = pathToFileURL(resolve(import.meta.dirname, '../../bin/quorate.js')).href

test.each([
  ['a rejection that nobody waits for', "void Promise.reject(new Error('planted'))"],
  ['an error that nobody catches', "throw new Error('planted')"],
])('%s ends the node', async (_, raise) => {
  const { path, remove } = temporaryDirectory()
  try {
    const launcher = join(path, 'launcher.mjs')
    writeFileSync(launcher, `process.on('SIGUSR2', () => { ${raise} })\nawait import('${bin}')\n`)
    await using cluster = new LifeCluster({ launcher })
    await cluster.begin(['n1'])
    const node = cluster.node('n1')

    node.signal('SIGUSR2')

    expect(await node.gone(10_000)).toBe(1)
    expect(node.said('the node stops')).toMatchObject([
      { level: 'error', code: 'QUORATE_INTERNAL', error: 'planted' },
    ])
  } finally {
    remove()
  }
})
