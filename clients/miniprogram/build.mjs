// Builds miniprogram_dist: one file for mini programs, one for whatever takes ES modules, and types.
// Into another folder if one is named: so is checked that what is committed is fresh.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const here = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(process.argv[2] ?? `${here}../..`)
const dist = `${root}/clients/miniprogram/miniprogram_dist`
const example = `${root}/examples/miniprogram/miniprogram_npm/menshen-miniprogram`

rmSync(dist, { recursive: true, force: true })
for (const [format, name] of [
  ['cjs', 'index.js'],
  ['esm', 'index.mjs'],
]) {
  await build({
    absWorkingDir: here,
    entryPoints: ['src/index.ts'],
    outfile: `${dist}/${name}`,
    bundle: true,
    format,
    target: 'es2018',
    charset: 'utf8',
    legalComments: 'none',
    banner: { js: '// menshen-miniprogram, built by `npm run build` from clients/miniprogram/src.' },
  })
}
execFileSync(
  process.execPath,
  [`${here}node_modules/typescript/bin/tsc`, '-p', `${here}src`, '--outDir', dist],
  { stdio: 'inherit' },
)
// As it was generated: so it can be generated here too.
copyFileSync(`${here}src/api.ts`, `${dist}/api.d.ts`)

// The example can be opened without installing anything.
mkdirSync(example, { recursive: true })
copyFileSync(`${dist}/index.js`, `${example}/index.js`)
