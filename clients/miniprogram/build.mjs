// Builds miniprogram_dist: a CommonJS file for mini programs, an ES module for bundlers, and type
// declarations. With a folder as argument, builds below that folder instead, so that a check can compare the
// result with the committed files.

import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, rmSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const packageFolder = fileURLToPath(new URL('.', import.meta.url))
const root = resolve(process.argv[2] ?? `${packageFolder}../..`)
const dist = `${root}/clients/miniprogram/miniprogram_dist`
const example = `${root}/examples/miniprogram/miniprogram_npm/menshen-miniprogram`

rmSync(dist, { recursive: true, force: true })
for (const [format, name] of [
  ['cjs', 'index.js'],
  ['esm', 'index.mjs'],
]) {
  await build({
    absWorkingDir: packageFolder,
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
  [`${packageFolder}node_modules/typescript/bin/tsc`, '-p', `${packageFolder}src`, '--outDir', dist],
  { stdio: 'inherit' },
)
// Replaces the declarations made by tsc by the generated source, which `cargo xtask codegen` writes there
// too.
copyFileSync(`${packageFolder}src/api.ts`, `${dist}/api.d.ts`)

// The example mini program includes the built package, so that it runs without an installation.
mkdirSync(example, { recursive: true })
copyFileSync(`${dist}/index.js`, `${example}/index.js`)
