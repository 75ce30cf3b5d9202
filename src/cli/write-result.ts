/** What a write came to, printed. */
import { unreachable } from '../assert.ts'
import type { DeleteResult, WriteResult } from '../client/index.ts'
import { exitCodes } from './io.ts'
import type { Output } from './output.ts'

/** Prints the verdict and returns the exit code: a mismatch is a verdict, and a sign to scripts. */
export async function printWrite(out: Output, result: WriteResult | DeleteResult): Promise<number> {
  const { verdict, revision } = result
  if (out.structured) {
    await out.json({
      schema: 1,
      verdict,
      revision,
      ...('existed' in result && { existed: result.existed }),
      ...(result.payloadHash !== undefined && { payloadHash: result.payloadHash }),
    })
  } else if (out.format === 'raw') {
    await out.line(`${verdict} ${revision}`)
  } else {
    await out.line(describe(out, result))
  }
  return verdict === 'mismatch' ? exitCodes.conflict : exitCodes.ok
}

function describe(out: Output, result: WriteResult | DeleteResult): string {
  const at = `revision ${result.revision}`
  switch (result.verdict) {
    case 'applied': {
      const nothing = 'existed' in result && !result.existed ? ', there was no record' : ''
      return `${out.paint('good', 'applied')} at ${at}${nothing}`
    }
    case 'duplicate':
      return `${out.paint('good', 'duplicate')}: the same was applied before, at ${at}`
    case 'mismatch':
      return (
        `${out.paint('warning', 'mismatch')}: something else was applied before, at ${at}; ` +
        'it stays'
      )
    default:
      return unreachable(result.verdict)
  }
}
