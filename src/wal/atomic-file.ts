/** Small files that are replaced as a whole: after a crash there is the old one or the new one. */
import { assert } from '../assert.ts'
import type { Disk } from '../ports.ts'

/** Writes `<directory>/<name>`, durably, with its name. The directory exists durably. */
export async function writeFileAtomically(options: {
  readonly disk: Disk
  readonly directory: string
  readonly name: string
  readonly bytes: Uint8Array
}): Promise<void> {
  const { disk, directory, name, bytes } = options
  assert(name !== '' && !name.includes('/'), 'a name is one step of a path')
  assert(bytes.length > 0, 'an empty file says nothing')
  const temporary = `${directory}/${name}.tmp`
  // Left over from a process that was killed; it never had the name that counts.
  await disk.remove(temporary)
  const file = await disk.open(temporary, 'create')
  try {
    await file.write([bytes], 0)
    // Before the rename: else a power cut can leave the new name on an empty file.
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, `${directory}/${name}`)
  await disk.syncDirectory(directory)
}
