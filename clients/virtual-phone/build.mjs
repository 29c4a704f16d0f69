// Builds the page that the offline WeChat serves, and has in it when it is compiled.
// Into another folder if one is named: so is checked that what is committed is fresh.

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
  entryPoints: { phone: 'src/main.ts', page: 'src/page.css' },
  outdir: page,
  bundle: true,
  format: 'esm',
  target: ['chrome111', 'firefox115', 'safari16.4'],
  charset: 'utf8',
  minify: true,
  legalComments: 'inline',
})
copyFileSync(`${here}src/index.html`, `${page}/index.html`)
