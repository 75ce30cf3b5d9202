/** What the libraries and the disk take for the same work, with nothing of ours around them. */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Level } from 'level'
import { Packr } from 'msgpackr'
import { WebSocket, WebSocketServer } from 'ws'
import type { Stage } from './measure.ts'
import type { Material } from './stages.ts'

/** One floor for each of the libraries that a put passes through, and for the disk. */
export function floorsOf(material: Material): readonly Stage[] {
  return [
    ...msgpackFloors(material),
    {
      where: 'floor',
      name: 'ws: a frame over a loopback connection, both ends',
      run: () => overWebSocket(material),
    },
    { where: 'floor', name: 'LevelDB: a row by a chained batch', run: () => inLevel(material) },
    { where: 'floor', name: 'write and fdatasync of a group', run: () => onDisk(material) },
  ]
}

function msgpackFloors({ groups }: Material): readonly Stage[] {
  const packr = new Packr({ useRecords: false })
  const frames = groups.map((group) => Buffer.from(packr.pack(group)))
  return [
    {
      where: 'floor',
      name: 'msgpackr: pack a frame of opaque bytes',
      run: () => {
        for (const group of groups) packr.pack(group)
      },
    },
    {
      where: 'floor',
      name: 'msgpackr: unpack it',
      run: () => {
        for (const frame of frames) packr.unpack(frame)
      },
    },
  ]
}

async function overWebSocket({ groups }: Material): Promise<void> {
  const http = createServer()
  const server = new WebSocketServer({ server: http, perMessageDeflate: false })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as AddressInfo
  let left = groups.length
  await new Promise<void>((resolve, reject) => {
    server.on('connection', (socket) => {
      socket.on('message', () => {
        left -= 1
        if (left === 0) resolve()
        else socket.send('next')
      })
    })
    const client = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
    client.on('error', reject)
    let next = 0
    const send = (): void => client.send(Buffer.concat(groups[next++] ?? []))
    client.on('open', send)
    client.on('message', send)
  })
  for (const socket of server.clients) socket.terminate()
  server.close()
  await new Promise<void>((resolve) => http.close(() => resolve()))
}

async function inLevel({ commands, shape }: Material): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-budget-'))
  const db = new Level<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  await db.open()
  const perBatch = 20 * shape.group
  let batch = db.batch()
  let rows = 0
  for (const command of commands) {
    if (command.kind !== 'write' || command.operation.kind !== 'put') continue
    batch.put(command.operation.key, command.operation.value)
    if (++rows % perBatch !== 0) continue
    await batch.write()
    batch = db.batch()
  }
  await batch.write()
  await db.close()
  rmSync(directory, { recursive: true })
}

function onDisk({ entries }: Material): void {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-budget-'))
  const file = openSync(join(directory, 'log'), 'w')
  for (const { data } of entries) {
    writeSync(file, data)
    fdatasyncSync(file)
  }
  closeSync(file)
  rmSync(directory, { recursive: true })
}
