// Builds the console's page, script and style sheet, which the server embeds. With a folder as argument,
// builds below that folder instead, so that a check can compare the result with the committed files.

import { copyFileSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const packageFolder = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(process.argv[2] ?? `${packageFolder}../..`)
const output = `${root}/crates/api/console`

rmSync(output, { recursive: true, force: true })
await build({
  absWorkingDir: packageFolder,
  entryPoints: { console: 'src/main.tsx' },
  outdir: output,
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
for (const name of ['index.html', 'icon.svg'])
  copyFileSync(`${packageFolder}src/${name}`, `${output}/${name}`)
