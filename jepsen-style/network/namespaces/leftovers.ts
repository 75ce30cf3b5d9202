/** Takes away what runs whose process is gone have left in the kernel. */
import { run } from './command.ts'
import { ownerOf } from './names.ts'
import { namesOfLinks } from './kernel-json.ts'

/** Rejects with what the kernel said if something can't be taken away. */
export async function removeLeftovers(): Promise<void> {
  const namespaces = (await run(['ip', 'netns', 'list'])).split('\n').map(firstWord)
  for (const name of namespaces.filter(isLeftover)) await run(['ip', 'netns', 'delete', name])
  // A link dies with the namespace of its other end, some time after the namespace's own end.
  const links = namesOfLinks(await run(['ip', '-j', 'link', 'show']))
  for (const name of links.filter(isLeftover)) await deleteLink(name)
}

/** Deletes a link of the host, which may have gone by itself. */
export async function deleteLink(name: string): Promise<void> {
  try {
    await run(['ip', 'link', 'delete', name])
  } catch (error) {
    const links = namesOfLinks(await run(['ip', '-j', 'link', 'show']))
    if (links.includes(name)) throw error
  }
}

function isLeftover(name: string): boolean {
  const owner = ownerOf(name)
  return owner !== undefined && !isAlive(owner)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Of another user: it lives.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** `ip netns list` adds an id to some names. */
function firstWord(line: string): string {
  return line.split(' ', 1)[0] ?? ''
}
