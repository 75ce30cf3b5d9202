/** The demo: a cluster on this machine that loses nodes and no records. */
export { runDemo, type DemoReport, type Narrator } from './story.ts'
