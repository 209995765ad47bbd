// Runs every configuration over every page with x-ray itself; one line of JSON for each page, in order.
// usage: node side.js CASES  (CASES: {"roots": {name: folder}, "configurations": […], "pages": [url, …]})
'use strict'

const fs = require('fs')
const path = require('path')
const { createRequire } = require('module')

const Xray = createRequire(path.join(process.cwd(), 'node_modules', 'x-ray', 'index.js'))('x-ray')
const cases = JSON.parse(fs.readFileSync(process.argv[2]))

const text = change => value => (typeof value === 'string' ? change(value) : value)
const filters = { trim: text(it => it.trim()), upper: text(it => it.toUpperCase()) }
const x = Xray({ filters }).driver((context, done) => done(null, read(context.url)))

function read (url) {
  const [, name, ...rest] = decodeURIComponent(new URL(url).pathname).split('/')
  return fs.readFileSync(path.join(cases.roots[name], ...rest), 'utf8')
}

// A configuration's parts in the words of x-ray's function.
function translate (selector) {
  if (Array.isArray(selector)) return selector.map(translate)
  if (selector === null || typeof selector !== 'object') return selector
  if ('$select' in selector) {
    const inner = translate(selector.$select)
    return selector.$scope ? x(selector.$scope, inner) : x(inner)
  }
  return Object.fromEntries(Object.entries(selector).map(([name, part]) => [name, translate(part)]))
}

function ask (url, { scope, selector, paginate, limit }) {
  const made = translate(selector)
  const node = scope ? x(url, scope, made) : x(url, made)
  if (paginate) node.paginate(paginate).limit(limit)
  return new Promise(resolve => node((error, value) =>
    resolve(error ? { error: String(error) } : { value: value === undefined ? null : value })))
}

async function main () {
  for (const url of cases.pages) {
    const answers = []
    for (const configuration of cases.configurations) answers.push(await ask(url, configuration))
    await new Promise(resolve => process.stdout.write(JSON.stringify(answers) + '\n', resolve))
  }
}

main().catch(error => { console.error(error); process.exit(1) })
