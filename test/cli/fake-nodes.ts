/** Small HTTP servers that play nodes: each answers `/status` as the test says. */
import { createServer, type Server } from 'node:http'
import type { MemberStatus, NodeStatus } from '../../src/cluster/index.ts'
import { member, status } from './views.ts'

/** What a node says beside what it says anyway; undefined: it refuses to answer. */
export type Answer = Partial<NodeStatus> | undefined

/** Nodes that play a cluster led by `n1`, whose members all of them are. */
export class FakeNodes {
  readonly #servers: Server[] = []
  /** Their client addresses, in the order of their ids. */
  readonly addresses: string[] = []
  /** How often any of them was asked. */
  asked = 0
  /** Called at every question, before it is answered. */
  onAsk: () => void = () => {}
  /** Changes what is told of the members. */
  members: (members: readonly MemberStatus[]) => readonly MemberStatus[] = (members) => members

  /** For `-e`. */
  get endpoints(): string {
    return this.addresses.join(',')
  }

  /** Adds `n1`, `n2` and so on. */
  async add(...answers: readonly Answer[]): Promise<this> {
    for (const answer of answers) await this.#addOne(answer)
    return this
  }

  async #addOne(answer: Answer): Promise<void> {
    const at = this.addresses.length
    const id = `n${at + 1}`
    const server = createServer((_request, response) => {
      this.asked++
      this.onAsk()
      if (answer === undefined) {
        response.destroy()
        return
      }
      const clientAddress = this.addresses[at] ?? ''
      const members = this.members(
        this.addresses.map((address, i) => member(`n${i + 1}`, { clientAddress: address })),
      )
      const role = id === 'n1' ? 'leader' : 'follower'
      const said = { ...status(id, { clientAddress, role, members }), ...answer }
      response.end(JSON.stringify({ schema: 1, ...said }))
    })
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const bound = server.address()
    this.addresses.push(`127.0.0.1:${typeof bound === 'object' && bound ? bound.port : 0}`)
  }

  async close(): Promise<void> {
    for (const server of this.#servers.splice(0)) {
      server.closeAllConnections()
      await new Promise<void>((resolve) => void server.close(() => resolve()))
    }
  }
}
