// What vitest's JSON report says: its real counts, or what failed, a line for each and why.
//   node .ci/test-report.mjs counts|failures <report.json>
import { readFileSync } from 'node:fs'

const [what, file] = process.argv.slice(2)
const report = JSON.parse(readFileSync(file, 'utf8'))
const suites = report.testResults ?? []
// A file that could not even be loaded has no test that failed.
const broken = suites.filter(
  (suite) =>
    suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed'),
)

if (what === 'counts') {
  console.log(report.numPassedTests, report.numFailedTests + broken.length)
} else {
  for (const suite of broken) console.log(`test: ${short(suite.name)}: ${firstLine(suite.message)}`)
  for (const suite of suites) {
    for (const test of suite.assertionResults) {
      if (test.status !== 'failed') continue
      const why = firstLine(test.failureMessages.join(' '))
      console.log(`test: ${short(suite.name)} > ${test.fullName}: ${why}`)
    }
  }
}

function short(path) {
  return path.slice(Math.max(0, path.indexOf('/test/') + 1))
}

function firstLine(text) {
  return (text ?? '').split('\n')[0].slice(0, 300)
}
