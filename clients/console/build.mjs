// Builds the page of the console, its script and its style sheet, which the server embeds.
// Into another folder if one is named: so is checked that what is committed is fresh.

import { copyFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(process.argv[2] ?? `${here}../..`)
const built = `${root}/crates/api/console`

rmSync(built, { recursive: true, force: true })
await build({
  absWorkingDir: here,
  entryPoints: { console: 'src/main.tsx' },
  outdir: built,
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  legalComments: 'inline',
  banner: { js: '// Built by `npm run build` from clients/console/src; with Preact, wouter and uPlot.' },
})
for (const name of ['index.html', 'icon.svg']) copyFileSync(`${here}src/${name}`, `${built}/${name}`)
