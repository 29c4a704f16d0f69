/** Published package: size, dependencies, module formats, syntax and types. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { PhoneEvent, Wx } from 'menshen-miniprogram'

const ROOT = join(__dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

/** Checks at compile time that WeChat's `wx` and button event have the types that the package accepts. */
export const typesOfWechat = (event: WechatMiniprogram.ButtonGetPhoneNumber): [Wx, PhoneEvent] => [wx, event]

test('the package has no runtime dependencies', () => {
  const manifest = JSON.parse(read('package.json'))
  assert.equal(manifest.dependencies ?? manifest.peerDependencies, undefined)
  assert.doesNotMatch(read('miniprogram_dist/index.js'), /\brequire\(/)
})

test('the package contains only the built files, and is small', () => {
  const [packed] = JSON.parse(
    execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: ROOT, encoding: 'utf8' }),
  )
  const scripts = packed.files
    .map(({ path }: { path: string }) => path)
    .filter((path: string) => !path.endsWith('.d.ts'))
  assert.deepEqual(scripts.sort(), [
    'README.md',
    'README.zh-CN.md',
    'miniprogram_dist/index.js',
    'miniprogram_dist/index.mjs',
    'package.json',
  ])
  const size = gzipSync(read('miniprogram_dist/index.js')).length
  assert.ok(size < 6000, `index.js has ${size} bytes, compressed`)
})

test('CommonJS and ES module have the same exports', async () => {
  const required = require('menshen-miniprogram')
  const imported = await import(join(ROOT, 'miniprogram_dist/index.mjs'))
  assert.deepEqual(Object.keys(required).sort(), ['MenshenError', 'createMenshen'])
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort())
})

test('the build has no syntax newer than ES2018', () => {
  assert.doesNotMatch(read('miniprogram_dist/index.js'), /\?\?|\?\.[a-z([]|\|\|=|#\w+ =/)
})

test('the READMEs show the front ends that are tested', () => {
  const scripts = readdirSync(join(ROOT, 'tests/front_ends'))
  assert.equal(scripts.length, 5)
  for (const page of ['README.md', 'README.zh-CN.md']) {
    for (const script of scripts) {
      const block = '```js\n' + read(`tests/front_ends/${script}`) + '```\n'
      assert.ok(read(page).includes(block), `${page} does not contain ${script}`)
    }
  }
})
