/** A cluster whose nodes are server processes of this machine, whichever store they are of. */
import { mkdirSync, rmSync } from 'node:fs'
import { present } from '../../src/assert.ts'
import { freePort, Server, until } from './processes.ts'
import type { Cluster, SideNode } from './side.ts'

const servesMsMax = 120_000

/** What differs from store to store. */
export interface ServerKind {
  /** Its name, for errors. */
  readonly name: string
  /** The node's program with its arguments; it may make its data directory first. */
  prepare(node: PlannedNode, all: readonly PlannedNode[]): Promise<readonly [string, ...string[]]>
  /** Whether it could serve a linearizable read now. */
  ready(endpoint: string): Promise<boolean>
  /** The term in which it leads; undefined: it does not. */
  leads(endpoint: string): Promise<number | undefined>
}

/** A node that is not there yet. */
export interface PlannedNode {
  readonly id: string
  /** `host:port` for clients. */
  readonly client: string
  /** `host:port` for its peers. */
  readonly peer: string
  /** Where its data goes, which is not there yet. */
  readonly data: string
}

interface ServerNode extends SideNode {
  readonly server: Server
}

export class ServerCluster implements Cluster {
  readonly nodes: readonly ServerNode[]
  readonly #kind: ServerKind
  readonly #directory: string

  private constructor(kind: ServerKind, directory: string, nodes: readonly ServerNode[]) {
    this.#kind = kind
    this.#directory = directory
    this.nodes = nodes
  }

  /** Starts nodes of these names, with all that they write below `directory`. */
  static async start(
    kind: ServerKind,
    directory: string,
    ids: readonly string[],
  ): Promise<ServerCluster> {
    mkdirSync(directory, { recursive: true })
    const planned = await Promise.all(
      ids.map(async (id) => ({
        id,
        client: `127.0.0.1:${await freePort()}`,
        peer: `127.0.0.1:${await freePort()}`,
        data: `${directory}/${id}`,
      })),
    )
    const nodes = await Promise.all(
      planned.map(async (node): Promise<ServerNode> => {
        const [program, ...args] = await kind.prepare(node, planned)
        const server = new Server(program, args, `${node.data}.log`)
        return {
          id: node.id,
          endpoint: node.client,
          server,
          get pid() {
            return server.pid
          },
        }
      }),
    )
    const cluster = new ServerCluster(kind, directory, nodes)
    try {
      for (const { server } of nodes) server.start()
      await Promise.all(nodes.map((node) => cluster.#serves(node)))
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  async leader(): Promise<SideNode> {
    const look = async (): Promise<SideNode | undefined> => {
      const claims = await Promise.all(
        this.nodes.map(async (node) => ({
          node,
          term: (await this.#kind.leads(node.endpoint)) ?? -1,
        })),
      )
      const newest = claims.reduce((best, claim) => (claim.term > best.term ? claim : best))
      return newest.term < 0 ? undefined : newest.node
    }
    return await until(`${this.#kind.name} has a leader`, look, servesMsMax)
  }

  async kill(id: string): Promise<void> {
    await this.#node(id).server.kill()
  }

  async restart(id: string): Promise<void> {
    const node = this.#node(id)
    node.server.start()
    await this.#serves(node)
  }

  signal(id: string, signal: NodeJS.Signals): void {
    this.#node(id).server.signal(signal)
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.kill()))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  async #serves({ id, endpoint }: ServerNode): Promise<void> {
    const look = async (): Promise<true | undefined> =>
      (await this.#kind.ready(endpoint)) ? true : undefined
    await until(`${id} of ${this.#kind.name} serves`, look, servesMsMax)
  }

  #node(id: string): ServerNode {
    return present(
      this.nodes.find((node) => node.id === id),
      'a cluster is asked for its own nodes',
    )
  }
}
