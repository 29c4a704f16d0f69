// Builds the page that the WeChat sandbox embeds.
// Usage: node build.mjs [ROOT]. The tests build below another root to check that the committed page is current.

import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(process.argv[2] ?? `${here}../..`)
const page = `${root}/crates/wechat-sandbox/page`

rmSync(page, { recursive: true, force: true })
mkdirSync(page, { recursive: true })
await build({
  absWorkingDir: here,
  entryPoints: { phone: 'src/main.ts', page: 'src/styles/page.css' },
  outdir: page,
  bundle: true,
  format: 'esm',
  target: ['chrome111', 'firefox115', 'safari16.4'],
  charset: 'utf8',
  minify: true,
  legalComments: 'inline',
})
copyFileSync(`${here}src/index.html`, `${page}/index.html`)
