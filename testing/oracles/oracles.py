"""Billet's names and roots beside those that independent programs give.

Puts objects by boto3, then has atmst build the tree from the listing and the manifests, libipld
and @ipld/car read the export, and ipfs-unixfs-importer name the bodies. It must never compute
what it compares by code of Billet: that is asked only for what is being tested.

    oracles.py ENDPOINT BILLET STORE NODE-SCRIPT FOLDER

Prints a line for each agreement and ends with 1 at the first difference.
"""

import hashlib
import json
import os
import random
import subprocess
import sys

import boto3
import libipld
from atmst.blockstore import MemoryBlockStore
from atmst.mst.node_store import NodeStore
from atmst.mst.node_wrangler import NodeWrangler
from botocore.config import Config
from cbrrr import CID

MIB = 1 << 20
BUCKET = "oracle"
SIZES = [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB]
# More leaves than one node links; a gigabyte, so only where it is asked for.
LARGE = 1025 * MIB + 1
OBJECT = "/billet/object/1"
DAG_CBOR = 0x71


def agree(what, ours, theirs):
    if ours != theirs:
        sys.exit(f"{what}: Billet has {ours}, the other {theirs}")
    print(f"agreed: {what}")


def billet(program, *arguments):
    # What steers this script is no setting.
    settings = {name: value for name, value in os.environ.items() if name[:7] != "BILLET_"}
    done = subprocess.run([program, *arguments], capture_output=True, check=False, env=settings)
    if done.returncode != 0:
        sys.exit(f"billet {' '.join(arguments)}: {done.stderr.decode()}")
    return done.stdout


def fill(client, folder):
    """Puts objects of all kinds; the names and CIDs of those that are also files in the folder."""
    os.makedirs(folder, exist_ok=True)
    client.create_bucket(Bucket=BUCKET)
    seeded = random.Random(2025)
    sizes = SIZES + ([LARGE] if os.environ.get("BILLET_ORACLES_LARGE") else [])
    names = {}
    for size in sizes:
        name = f"{size}"
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            for start in range(0, size, MIB):
                file.write(seeded.randbytes(min(MIB, size - start)))
        with open(path, "rb") as file:
            client.put_object(Bucket=BUCKET, Key=f"sizes/{name}", Body=file)
        head = client.head_object(Bucket=BUCKET, Key=f"sizes/{name}")
        names[name] = head["ResponseMetadata"]["HTTPHeaders"]["x-ipfs-cid"]
    for index in range(400):
        word = "".join(seeded.choices("abcxyzäß漢🙂 /._-", k=seeded.randint(1, 40)))
        body = seeded.randbytes(seeded.choice([0, 1, 10, 100]))
        client.put_object(Bucket=BUCKET, Key=f"{word}{index}", Body=body, Metadata={"n": str(index)})
    for index in range(0, 400, 7):
        client.delete_object(Bucket=BUCKET, Key=f"sizes/never{index}")
    return names


def listing(client):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    return {item["Key"]: item for page in pages for item in page.get("Contents", [])}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def sections(data):
    """CID and bytes of each block, by the text of the CAR specification alone."""
    length, at = varint(data, 0)
    at += length
    while at < len(data):
        length, at = varint(data, at)
        cid, block = data[at : at + 36], data[at + 36 : at + length]
        yield cid, block
        at += length


def of_cbor(data):
    """An export without what libipld cannot read yet: blocks of other codecs than DAG-CBOR."""
    length, at = varint(data, 0)
    kept = [data[: at + length]]
    for cid, block in sections(data):
        if cid[1] == DAG_CBOR:
            length = len(cid) + len(block)
            while length > 127:
                kept.append(bytes([length & 127 | 128]))
                length >>= 7
            kept += [bytes([length]), cid, block]
    return b"".join(kept)


def manifests(data):
    """The CID of each manifest of an export by its key, hashed here."""
    found = {}
    for cid, block in sections(data):
        if hashlib.sha256(block).digest() != cid[4:]:
            sys.exit("a block of the export does not hash to its CID")
        if cid[1] == DAG_CBOR:
            value = libipld.decode_dag_cbor(block)
            if OBJECT in value:
                found[value[OBJECT]["key"]] = (bytes(cid), block, value[OBJECT])
    return found


def tree(entries):
    """The root that atmst gives these keys, put in an order of their own."""
    store = NodeStore(MemoryBlockStore())
    wrangler = NodeWrangler(store)
    root = store.get_node(None).cid
    keys = sorted(entries)
    random.Random(7).shuffle(keys)
    for key in keys:
        root = wrangler.put_record(root, key, CID(entries[key]))
    return root.encode()


def main():
    endpoint, program, store, script, folder = sys.argv[1:]
    config = Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1})
    client = boto3.client("s3", endpoint_url=endpoint, config=config)
    files = os.path.join(folder, "files")
    names = fill(client, files)
    archive = os.path.join(folder, "oracle.car")
    billet(program, "export", BUCKET, "-o", archive, "--data-dir", store)
    root = json.loads(billet(program, "bucket", "root", BUCKET, "--json", "--data-dir", store))["root"]

    with open(archive, "rb") as file:
        data = file.read()
    found = manifests(data)
    listed = listing(client)
    agree("keys of the listing and manifests of the export", sorted(listed), sorted(found))
    for key, item in listed.items():
        manifest = found[key][2]
        if [manifest["etag"], manifest["content"]["unixfs"]["size"]] != [
            item["ETag"].strip('"'),
            item["Size"],
        ]:
            sys.exit(f"the manifest of {key!r} is not what the listing says")
    for key in sorted(found)[::40]:
        cid, block, _ = found[key]
        text = CID(cid).encode()
        agree(
            f"the manifest of {key!r} by `billet block get`",
            billet(program, "block", "get", text, "--data-dir", store),
            block,
        )
    entries = {key: cid for key, (cid, _, _) in found.items()}
    agree("the root of the tree, built by atmst", root, tree(entries))

    header, blocks = libipld.decode_car(of_cbor(data))
    agree("the first root of the export, by libipld", root, libipld.encode_cid(header["roots"][0]))
    codecs = [cid[1] for cid, _ in sections(data)]
    agree("nodes, manifests and state, by libipld", codecs.count(DAG_CBOR), len(blocks))

    told = subprocess.run(["node", script, archive, files], capture_output=True, check=False)
    if told.returncode != 0:
        sys.exit(f"node: {told.stderr.decode()}")
    told = json.loads(told.stdout)
    agree("the first root of the export, by @ipld/car", root, told["roots"][0])
    agree("blocks of the export, by @ipld/car", len(codecs), len(told["blocks"]))
    for name, cid in names.items():
        agree(f"the CID of {name} bytes, by ipfs-unixfs-importer", cid, told["files"][name])


if __name__ == "__main__":
    main()
