/** The worker of the runner. */
import { runLifetime } from '../lifetime.ts'
import { serve } from './serve.ts'

serve(runLifetime)
