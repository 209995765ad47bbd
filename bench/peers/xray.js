// X-Ray as its README says. MODE PAGES CONCURRENCY BASE OUT
'use strict'

const fs = require('fs')
const Xray = require('x-ray')

const [mode, pages, concurrency, base, path] = process.argv.slice(2)
const wanted = Number(pages)
const shape = [
  {
    title: 'h3.resultItem-name a',
    url: 'h3.resultItem-name a@href',
    address: 'div.resultItem-address',
    price: 'div.resultItem-price .price'
  }
]
const out = fs.createWriteStream(path)
const told = { pages: 0, items: 0 }
const started = performance.now()
const used = process.cpuUsage()

function take (items, count) {
  told.pages += count
  told.items += items.length
  for (const item of items) out.write(JSON.stringify(item) + '\n')
  if (told.pages === wanted) out.end(tell)
}

function tell () {
  const cpu = process.cpuUsage(used)
  told.seconds = (performance.now() - started) / 1e3
  told.cpu = (cpu.user + cpu.system) / 1e6
  console.log(JSON.stringify(told))
}

if (mode === 'seq') {
  Xray()(`${base}/seq/p1.html`, 'li.resultItem', shape)
    .paginate('div.pagination li.next a@href')
    .limit(wanted)((error, items) => {
      if (error) throw error
      take(items, Math.round(items.length / 30))
    })
} else {
  const x = Xray().concurrency(Number(concurrency))
  for (let number = 1; number <= wanted; number++) {
    x(`${base}/ind/${number}.html`, 'li.resultItem', shape)((error, items) => {
      if (error) throw error
      take(items, 1)
    })
  }
}
