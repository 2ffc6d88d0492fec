"""The sharded DAG indexes that Billet shipped, read by somebody else, and every slice hashed again.

Written from the description of the format alone, with nothing but the standard library. It must
never take a word of Billet for anything: the bytes that storage nodes hold are all it looks at.

    indexes.py FOLDER...

Each folder has the blobs of one storage node, named by their multihashes in hexadecimal. Prints a
line for each agreement and ends with 1 at the first difference.
"""

import hashlib
import os
import sys

TAG = "index/sharded/dag@0.1"
# What a multihash begins with: SHA-256, 32 bytes. What a CID begins with: version 1, DAG-CBOR.
SHA256 = b"\x12\x20"
DAG_CBOR = b"\x01\x71"
SLICES_MAX = 8192


def need(holds, what):
    if not holds:
        sys.exit(what)


class Cbor:
    """Values of DAG-CBOR in its one form, as far as an index has them."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        need(self.at + count <= len(self.data), "CBOR that is cut off")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self):
        first = self.take(1)[0]
        major, small = first >> 5, first & 31
        if small < 24:
            return major, small
        need(small < 28, "CBOR of no definite length")
        size = 1 << (small - 24)
        value = int.from_bytes(self.take(size), "big")
        least = 24 if size == 1 else 1 << (size * 4)
        need(value >= least, "a number that is not written as short as it can be")
        return major, value

    def value(self):
        major, value = self.head()
        if major == 0:
            return value
        if major == 2:
            return self.take(value)
        if major == 3:
            return self.take(value).decode()
        if major == 4:
            return [self.value() for _ in range(value)]
        if major == 5:
            pairs = [(self.value(), self.value()) for _ in range(value)]
            keys = [key.encode() for key, _ in pairs]
            need(keys == sorted(set(keys), key=lambda key: (len(key), key)), "keys out of order")
            return dict(pairs)
        need(major == 6 and value == 42, f"CBOR of major type {major}")
        link = self.value()
        need(link[:1] == b"\x00", "a link without its prefix")
        return link[1:]


def cbor(data):
    reader = Cbor(data)
    value = reader.value()
    need(reader.at == len(data), "bytes behind a value")
    return value


def sections(data):
    """Where each section of a CAR begins and ends."""
    at = 0
    while at < len(data):
        length = shift = 0
        while True:
            need(at < len(data), "a CAR that is cut off")
            byte = data[at]
            at += 1
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        need(at + length <= len(data), "a CAR that is cut off")
        yield at, at + length
        at += length


def car(data):
    """The roots of a CAR, and of each block the CID and where its bytes are."""
    found = sections(data)
    start, end = next(found)
    header = cbor(data[start:end])
    need(set(header) == {"roots", "version"} and header["version"] == 1, "no CAR of version 1")
    blocks = []
    for start, end in found:
        cid = data[start : start + 36]
        need(cid[0] == 1 and cid[1] < 128 and cid[2:4] == SHA256, "a CID of another kind")
        need(hashlib.sha256(data[start + 36 : end]).digest() == cid[4:], "a block of other bytes")
        blocks.append((cid, start + 36, end))
    return header["roots"], blocks


def is_index(data):
    roots, blocks = car(data)
    last = blocks[-1] if blocks else None
    if last is None or roots != [last[0]] or last[0][:2] != DAG_CBOR:
        return False
    # A map of one entry with a text of that length, and that text.
    return data[last[1] :].startswith(b"\xa1" + bytes([0x60 | len(TAG)]) + TAG.encode())


def read_index(data):
    """The slices of each shard: multihash, first and last byte."""
    roots, blocks = car(data)
    need([cid for cid, *_ in blocks[-1:]] == roots, "the root block is not the last")
    named = {cid: data[start:end] for cid, start, end in blocks}
    root = cbor(named[roots[0]])
    need(set(root) == {TAG} and set(root[TAG]) == {"shards"}, "a root with something else")
    links = root[TAG]["shards"]
    need(links == [cid for cid, *_ in blocks[:-1]], "shards in another order than their blocks")
    shards = [cbor(named[link]) for link in links]
    ordered([shard for shard, _ in shards], "shards")
    for _, slices in shards:
        need(len(slices) <= SLICES_MAX, f"{len(slices)} slices of one shard")
        ordered([multihash for multihash, _ in slices], "slices")
    return shards


def ordered(multihashes, what):
    need(all(each[:2] == SHA256 and len(each) == 34 for each in multihashes), "another hash")
    digests = [each[2:] for each in multihashes]
    need(digests == sorted(set(digests)), f"{what} out of order")


def check_shard(multihash, slices, blobs):
    """Every slice is what it says, and each block that has bytes is a slice."""
    need(multihash in blobs, f"no node has shard {multihash.hex()}")
    with open(blobs[multihash], "rb") as file:
        data = file.read()
    _, blocks = car(data)
    for name, (start, end) in slices:
        need(start <= end < len(data), "a slice that ends elsewhere")
        need(SHA256 + hashlib.sha256(data[start : end + 1]).digest() == name, "a slice differs")
    places = {(cid[2:], start, end - 1) for cid, start, end in blocks if end > start}
    need(places == {(name, *place) for name, place in slices}, "slices are not the blocks")
    return len(slices)


def main():
    blobs = {}
    for folder in sys.argv[1:]:
        for name in os.listdir(folder):
            if len(name) == 68 and name.startswith(SHA256.hex()):
                blobs[bytes.fromhex(name)] = os.path.join(folder, name)
    indexed, indexes, slices = set(), set(), 0
    for multihash, path in blobs.items():
        with open(path, "rb") as file:
            data = file.read()
        need(SHA256 + hashlib.sha256(data).digest() == multihash, f"{path} has other bytes")
        if not is_index(data):
            continue
        indexes.add(multihash)
        for shard, found in read_index(data):
            slices += check_shard(shard, found, blobs)
            indexed.add(shard)
    need(indexes, "there is no index")
    missed = set(blobs) - indexes - indexed
    need(not missed, f"shards without an index: {[each.hex() for each in missed]}")
    print(f"agreed: {slices} slices of {len(indexed)} shards in {len(indexes)} indexes")


if __name__ == "__main__":
    main()
