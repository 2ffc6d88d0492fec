#!/usr/bin/env python3
"""Stock S3 clients against a running endpoint: aws, boto3, and rclone, s3cmd where installed.

Makes a tree of mixed files, syncs it up and down and compares; then the other clients in their
default settings. Usage: clients.py ENDPOINT FOLDER [FILES]; key pair and region come from the
usual AWS variables. Prints one line a step and ends with status 1 at the first difference.
"""

import filecmp
import hashlib
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time

SIZES = [0, 1, 17, 1024, 4096, 65_537, 1 << 20, (1 << 20) + 1]
LARGE = [5 << 20, (8 << 20) + 3, 17 << 20, 64 << 20]
NAMES = ["plain", "with space", "plus+plus", "per%cent", "ümläut", "日本", "a&b", "q'uote", "x=y"]


def run(*words, **options):
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(words)}: status {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def make_tree(folder, files):
    rng = random.Random(files)
    for index in range(files):
        name = f"{rng.choice(NAMES)}-{index}.bin"
        path = folder / f"d{index % 7}" / f"e{index % 31}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        large = index % max(files // 8, 1) == 0
        size = LARGE[(index * 8 // files) % len(LARGE)] if large else rng.choice(SIZES)
        path.write_bytes(rng.randbytes(size))


def same_trees(left, right):
    names = sorted(p.relative_to(left) for p in left.rglob("*") if p.is_file())
    others = sorted(p.relative_to(right) for p in right.rglob("*") if p.is_file())
    if names != others:
        sys.exit(f"other names: {set(names) ^ set(others)}")
    _, wrong, errors = filecmp.cmpfiles(left, right, names, shallow=False)
    if wrong or errors:
        sys.exit(f"other bytes: {wrong} {errors}")
    return len(names)


def step(text, start):
    print(f"{text}  {time.monotonic() - start:.1f} s", flush=True)


def with_aws(endpoint, folder, files):
    aws = ["aws", "--endpoint-url", endpoint, "s3"]
    up, down = folder / "up", folder / "down"
    make_tree(up, files)
    run(*aws, "mb", "s3://clients-aws")
    start = time.monotonic()
    run(*aws, "sync", "--only-show-errors", str(up), "s3://clients-aws/tree")
    step(f"aws s3 sync up: {files} files", start)
    start = time.monotonic()
    run(*aws, "sync", "--only-show-errors", "s3://clients-aws/tree", str(down))
    step(f"aws s3 sync down: {same_trees(up, down)} files identical", start)
    listed = run(*aws, "ls", "--recursive", "s3://clients-aws").count("\n")
    if listed != files:
        sys.exit(f"aws s3 ls lists {listed} of {files}")
    if run(*aws, "sync", str(up), "s3://clients-aws/tree"):
        sys.exit("aws s3 sync finds something to do in an unchanged tree")
    return up


def with_boto3(endpoint):
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

    s3 = boto3.client("s3", endpoint_url=endpoint)
    s3.create_bucket(Bucket="clients-boto3")
    body = random.Random(1).randbytes((8 << 20) + 5)
    s3.put_object(Bucket="clients-boto3", Key="a/ö+ %", Body=body, Metadata={"one": "1"})
    got = s3.get_object(Bucket="clients-boto3", Key="a/ö+ %")
    if got["Body"].read() != body or got["Metadata"] != {"one": "1"}:
        sys.exit("boto3: other bytes or metadata")
    if got["ETag"] != f'"{hashlib.md5(body).hexdigest()}"':
        sys.exit("boto3: the ETag is not the MD5")
    for algorithm in ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]:
        try:
            s3.put_object(
                Bucket="clients-boto3", Key=algorithm, Body=b"x" * 70_000, ChecksumAlgorithm=algorithm
            )
        except Exception as error:  # CRC32C and CRC64NVME need the optional package awscrt.
            if "crt" in str(error).lower():
                print(f"boto3 {algorithm}: passed over, awscrt is not installed")
                continue
            raise
        head = s3.head_object(Bucket="clients-boto3", Key=algorithm, ChecksumMode="ENABLED")
        if f"Checksum{algorithm}" not in head:
            sys.exit(f"boto3: no checksum {algorithm} in {head}")
    try:
        s3.put_object(Bucket="clients-boto3", Key="CRC32", Body=b"", IfNoneMatch="*")
        sys.exit("boto3: If-None-Match let an overwrite through")
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
    # In us-east-1 the default is still a signature of the second version, which nobody takes here.
    signer = boto3.client("s3", endpoint_url=endpoint, config=Config(signature_version="s3v4"))
    url = signer.generate_presigned_url("get_object", {"Bucket": "clients-boto3", "Key": "CRC32"})
    if len(run("curl", "-sf", url)) != 70_000:
        sys.exit("boto3: the presigned URL gives other bytes")
    keys = [o["Key"] for p in s3.get_paginator("list_objects_v2").paginate(
        Bucket="clients-boto3", PaginationConfig={"PageSize": 2}) for o in p["Contents"]]
    s3.delete_objects(Bucket="clients-boto3", Delete={"Objects": [{"Key": k} for k in keys]})
    s3.delete_bucket(Bucket="clients-boto3")
    print("boto3: objects, checksums, conditions, presigned URL, listing, deletes", flush=True)


def with_rclone(endpoint, up):
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    remote = f":s3,provider=Other,access_key_id={key},secret_access_key={secret},endpoint='{endpoint}':"
    environment = {k: v for k, v in os.environ.items() if k != "AWS_CA_BUNDLE"}
    start = time.monotonic()
    run("rclone", "sync", str(up), f"{remote}clients-rclone", env=environment)
    run("rclone", "check", "--download", str(up), f"{remote}clients-rclone", env=environment)
    step("rclone sync and check --download: clean", start)


def with_s3cmd(endpoint, folder, up):
    key, secret = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
    host = endpoint.split("//")[1]
    s3cmd = ["s3cmd", "--no-ssl", f"--host={host}", f"--host-bucket={host}", "-c", "/dev/null",
             f"--access_key={key}", f"--secret_key={secret}"]
    start = time.monotonic()
    run(*s3cmd, "mb", "s3://clients-s3cmd")
    run(*s3cmd, "sync", "-q", f"{up}/d0/", "s3://clients-s3cmd/d0/")
    down = folder / "s3cmd" / "d0"
    down.mkdir(parents=True)
    run(*s3cmd, "sync", "-q", "s3://clients-s3cmd/d0/", f"{down}/")
    step(f"s3cmd sync up and down: {same_trees(up / 'd0', down)} files identical", start)


def main():
    endpoint, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    files = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    up = with_aws(endpoint, folder, files)
    with_boto3(endpoint)
    if shutil.which("rclone"):
        with_rclone(endpoint, up)
    if shutil.which("s3cmd"):
        with_s3cmd(endpoint, folder, up)


main()
