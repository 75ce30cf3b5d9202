/**
 * Goal: the bytes of every frame stay what they are, so that nodes and clients of different builds
 * understand each other; a change of them is seen in review.
 * Method: one sample of each frame, message, request and reply against `testdata/frames.txt`;
 * `UPDATE=1` rewrites it. Each line of the file is decoded as well, and must give the sample.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeClientFrame, encodeClientFrame } from '../../src/transport/client-codec.ts'
import type { ClientFrame, NodeFrame } from '../../src/transport/client-protocol.ts'
import { decodePeerFrame, encodePeerFrame } from '../../src/transport/peer-codec.ts'
import type { PeerFrame } from '../../src/transport/peer-protocol.ts'
import { decodeNodeFrame, encodeNodeFrame } from '../../src/transport/reply-codec.ts'
import { clientSamples, nodeSamples, peerSamples } from './samples.ts'

const file = new URL('testdata/frames.txt', import.meta.url)

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const lines = [
  ...Object.entries(peerSamples).map(
    ([name, frame]) => `peer ${name} ${hex(encodePeerFrame(frame))}`,
  ),
  ...Object.entries(clientSamples).map(
    ([name, frame]) => `client ${name} ${hex(encodeClientFrame(frame))}`,
  ),
  ...Object.entries(nodeSamples).map(
    ([name, frame]) => `node ${name} ${hex(encodeNodeFrame(frame))}`,
  ),
]

if (process.env['UPDATE'] === '1') writeFileSync(file, lines.join('\n') + '\n')

const golden = readFileSync(file, 'utf8').trimEnd().split('\n')

describe('golden frames', () => {
  test('every sample encodes to the bytes on file', () => {
    expect(lines).toEqual(golden)
  })

  test.each(golden.map((line) => line.split(' ')))(
    '%s %s decodes to its sample',
    (side, name, data) => {
      const bytes = new Uint8Array(Buffer.from(data, 'hex'))
      const sample: PeerFrame | ClientFrame | NodeFrame | undefined =
        side === 'peer'
          ? peerSamples[name]
          : side === 'client'
            ? clientSamples[name]
            : nodeSamples[name]
      const decode =
        side === 'peer' ? decodePeerFrame : side === 'client' ? decodeClientFrame : decodeNodeFrame
      expect(decode(bytes)).toEqual(sample)
    },
  )
})
