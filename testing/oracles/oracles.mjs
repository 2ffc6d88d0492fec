// What other programs make of Billet's files: reads a CAR with @ipld/car and hashes every block,
// and names files with ipfs-unixfs-importer. Prints one JSON document. It must never use code or
// output of Billet but the files it is given: `node oracles.mjs FILE.car FOLDER`.

import { createReadStream, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CarBlockIterator } from '@ipld/car'
import { BlackHoleBlockstore } from 'blockstore-core/black-hole'
import { importer } from 'ipfs-unixfs-importer'
import { sha256 } from 'multiformats/hashes/sha2'

const [archive, folder] = process.argv.slice(2)

const car = await CarBlockIterator.fromIterable(createReadStream(archive))
const roots = (await car.getRoots()).map(String)
const blocks = []
for await (const { cid, bytes } of car) {
  const { digest } = await sha256.digest(bytes)
  if (!Buffer.from(digest).equals(Buffer.from(cid.multihash.digest))) {
    throw new Error(`the bytes of ${cid} are not its own`)
  }
  blocks.push(String(cid))
}

const files = {}
for (const name of readdirSync(folder)) {
  const content = createReadStream(join(folder, name), { highWaterMark: 1 << 20 })
  const options = { profile: 'unixfs-v1-2025' }
  for await (const { cid } of importer([{ content }], new BlackHoleBlockstore(), options)) {
    files[name] = String(cid)
  }
}

console.log(JSON.stringify({ roots, blocks, files }))
