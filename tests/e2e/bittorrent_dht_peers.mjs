// SPDX-License-Identifier: MIT
//
// Two nodes of bittorrent-dht that know one other, BOOTSTRAP: the first announces that it has
// INFOHASH at port 4000, the second looks for it. Prints which nodes the second came to know, and
// which peers it found.
//
//   node bittorrent_dht_peers.mjs NODE_MODULES BOOTSTRAP INFOHASH FIRST SECOND

const [modules, bootstrap, infohash, ...addresses] = process.argv.slice(2)
const { default: DHT } = await import(`${modules}/bittorrent-dht/index.js`)

// Ready means that a lookup of its own ID has ended.
const enter = (address) => new Promise((resolve, reject) => {
  const node = new DHT({ bootstrap: [bootstrap] })
  node.on('error', reject)
  node.on('ready', () => resolve(node))
  node.listen(6881, address)
})

const first = await enter(addresses[0])
await new Promise((resolve, reject) => {
  first.announce(infohash, 4000, (error) => error ? reject(error) : resolve())
})

const second = await enter(addresses[1])
const peers = new Set()
second.on('peer', ({ host, port }) => peers.add(`${host}:${port}`))
await new Promise((resolve) => second.lookup(infohash, resolve))

const nodes = second.toJSON().nodes.map(({ host, port }) => `${host}:${port}`)
console.log(JSON.stringify({ nodes, peers: [...peers] }))
process.exit()
