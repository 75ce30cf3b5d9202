#!/usr/bin/env node
// The launcher: plain JavaScript, so that it can say what is missing before anything is loaded.
import { existsSync } from 'node:fs'

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const main = new URL('../dist/cli/main.js', import.meta.url)

if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`error: quorate needs Node.js 20.19 or newer; this is ${process.versions.node}`)
  process.exit(1)
} else if (!existsSync(main)) {
  console.error('error: quorate is not built yet\n  next: npm run build')
  process.exit(1)
} else {
  await import(main.href)
}
