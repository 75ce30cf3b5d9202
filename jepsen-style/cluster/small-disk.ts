/**
 * File systems of limited size, one for each node: in memory, mounted at its data directory, as root
 * can do on Linux. To fill one costs no memory, since its size is changed and not its contents: it is
 * cut down to what is used. What a node keeps there survives the node, not the machine.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { NodeDisk } from './cluster.ts'

/** Room for some minutes of any workload; what is not used costs nothing. */
export const diskBytesDefault: number = 1_073_741_824
/** A node may write between the look at what is used and the cut; then the cut is refused. */
const fillsTriedMax = 10

/** Why such disks can't be had here; undefined: they can. It is tried, with one that goes again. */
export function whyNoSmallDisks(): string | undefined {
  if (process.platform !== 'linux') return 'only Linux can mount a small file system in memory'
  if (process.getuid?.() !== 0) return 'only root can mount a small file system'
  const path = mkdtempSync(join(tmpdir(), 'quorate-chaos-mount-'))
  try {
    mount(path, 'size=64k')
    unmountDisk(path)
    return undefined
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return `no file system can be mounted here: ${text.split('\n')[1] ?? text}`
  } finally {
    rmSync(path, { recursive: true, force: true })
  }
}

/** Mounts one at a directory, which is made. Throws with the words of `mount` where it fails. */
export function mountSmallDisk(path: string, bytes: number): NodeDisk {
  mkdirSync(path, { recursive: true })
  mount(path, `size=${bytes}`)
  return {
    fill: () => fill(path),
    free: () => mount(path, `remount,size=${bytes}`),
  }
}

function fill(path: string): void {
  for (let tried = 1; ; tried++) {
    const { blocks, bfree, bsize } = statfsSync(path)
    try {
      mount(path, `remount,size=${(blocks - bfree) * bsize}`)
      return
    } catch (error) {
      if (tried === fillsTriedMax) throw error
    }
  }
}

/** Moves what lies on it onto the disk below, and unmounts it. */
export function keepAndUnmount(path: string): void {
  const kept = `${path}.kept`
  // Segments of a log are mostly holes, and a plain copy would fill them.
  run('cp', ['-a', '--sparse=always', path, kept])
  unmountDisk(path)
  rmSync(path, { recursive: true, force: true })
  run('mv', [kept, path])
}

/** Unmounts it; what lies on it is gone. */
export function unmountDisk(path: string): void {
  run('umount', ['-l', path])
}

function mount(path: string, options: string): void {
  run('mount', ['-t', 'tmpfs', '-o', options, 'quorate-chaos', path])
}

function run(program: string, args: readonly string[]): void {
  execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
