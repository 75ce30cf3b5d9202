/** Plain HTTP on the client port, for load balancers, supervisors and people with a browser. */
import type { HttpReply } from '../ports.ts'
import type { NodeStatus } from '../transport/index.ts'

/** `/livez`: the loop turns. `/readyz`: a linearizable read could be served. `/status`: everything. */
export function httpReply(path: string, status: () => NodeStatus): HttpReply {
  const [route = ''] = path.split('?', 1)
  switch (route) {
    case '/livez':
      return json(200, { live: true })
    case '/readyz': {
      const { ready, reasons } = status()
      return json(ready ? 200 : 503, { ready, reasons })
    }
    case '/status':
      return json(200, { schema: 1, ...status() })
    default:
      return json(404, {
        error: 'there is /livez, /readyz and /status here; clients speak WebSocket',
      })
  }
}

function json(status: number, body: unknown): HttpReply {
  return { status, contentType: 'application/json', body: JSON.stringify(body) + '\n' }
}
