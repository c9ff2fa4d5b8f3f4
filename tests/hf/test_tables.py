#!/usr/bin/env python3
"""Compares carat datasets cat with pyarrow and Python's csv and json, on tables made up here.   SPDX-License-Identifier: Apache-2.0

usage: tests/hf/test_tables.py [SEED]       ($CARAT and $ROOT as tests/run sets them)
       tests/hf/test_tables.py --golden     writes tests/golden/tables anew
"""
import csv
import gzip
import io
import json
import lzma
import os
import random
import subprocess
import sys
import tempfile

import pyarrow as pa
import pyarrow.parquet as pq

import tally
from tally import CARAT, ROOT, check, skip

SAMPLES = os.path.join(ROOT, "..", "shared", "data", "eval")


def cat(path):
    p = subprocess.run([CARAT, "datasets", "cat", path], capture_output=True, text=True)
    return [json.loads(x) for x in p.stdout.split("\n") if x] if p.returncode == 0 else p.stderr


# ---- Parquet: a type is one of "isfb", ("list", type) or ("struct", {name: type})

def random_type(r, depth=0):
    x = r.random()
    if depth > 3 or x < .55:
        return r.choice("isfb")
    if x < .8:
        return "list", random_type(r, depth + 1)
    return "struct", {f"k{i}": random_type(r, depth + 1) for i in range(r.randrange(1, 4))}


def arrow(t):
    if isinstance(t, str):
        return dict(i=pa.int64(), s=pa.string(), f=pa.float64(), b=pa.bool_())[t]
    return pa.list_(arrow(t[1])) if t[0] == "list" else pa.struct([(k, arrow(v)) for k, v in t[1].items()])


def value(r, t):
    if r.random() < .2:
        return None
    if t == "i":
        return r.choice([0, 1, -5, 2 ** 62, -2 ** 63, r.randrange(1000)])
    if t == "s":
        return r.choice(["", "a", 'naïve "q"\n', "x" * r.randrange(50), "😀", "\u2028", str(r.randrange(5))])
    if t == "f":
        return r.choice([0.0, 1.5, -2.25, 1e300, .1])
    if t == "b":
        return r.random() < .5
    return [value(r, t[1]) for _ in range(r.choice([0, 0, 1, 2, 5]))] if t[0] == "list" else {k: value(r, v) for k, v in t[1].items()}


def parquet(r, n, folder):
    path = os.path.join(folder, "t.parquet")
    for i in range(n):
        columns = {f"c{k}": random_type(r) for k in range(r.randrange(1, 5))}
        rows = r.choice([0, 1, 3, 100, 1500])
        table = pa.table({c: pa.array([value(r, t) for _ in range(rows)], arrow(t)) for c, t in columns.items()})
        how = dict(compression=r.choice(["none", "snappy", "gzip", "zstd"]), data_page_version=r.choice(["1.0", "2.0"]),
                   use_dictionary=r.choice([True, False]), row_group_size=r.choice([7, 400, 5000]), data_page_size=r.choice([64, 4096, 1 << 20]),
                   version=r.choice(["1.0", "2.6"]))
        pq.write_table(table, path, **how)
        check(cat(path) == table.to_pylist(), f"table {i}: {columns} {how} {rows} rows: {str(cat(path))[:200]}")
    small = dict(a=pa.int32(), b=pa.uint32(), c=pa.uint64(), d=pa.float32(), e=pa.large_string(), f=pa.int16())
    table = pa.table({k: pa.array(["x", None] if k == "e" else [3, None], t) for k, t in small.items()})
    pq.write_table(table, path)
    check(cat(path) == table.to_pylist(), f"narrow types: {cat(path)}")
    for t, v in ((pa.date32(), 3), (pa.timestamp("us"), 3), (pa.decimal128(9, 2), 3), (pa.binary(), b"\xff")):
        pq.write_table(pa.table({"a": pa.array([v], t)}), path)
        check("column a" in cat(path), f"{t} is refused by name: {cat(path)}")
    for how in (dict(compression="brotli"), dict(use_dictionary=False, column_encoding={"a": "DELTA_BINARY_PACKED"})):
        pq.write_table(pa.table({"a": [1, 2, 3]}), path, **how)
        check("column a" in cat(path), f"{how} is refused by name: {cat(path)}")


# ---- text

def texts(r, n, folder):
    for i in range(n):
        names = [f"n{k}" for k in range(r.randrange(1, 5))]
        rows = [{k: r.choice(["", "a", "a,b", 'q"q', "two\nlines", "cr\r\nlf", " ", "ü😀", "x" * 70000]) for k in names} for _ in range(r.randrange(6))]
        out = io.StringIO()
        w = csv.DictWriter(out, names, lineterminator=r.choice(["\n", "\r\n"]), quoting=r.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
        w.writeheader()
        w.writerows(rows)
        data = (r.choice(["", "\ufeff"]) + out.getvalue()).encode()
        suffix, pack = r.choice([("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)])
        path = os.path.join(folder, "t.csv" + suffix)
        open(path, "wb").write(pack(data))
        check(cat(path) == rows, f"csv {i}{suffix}: {data[:200]}: {str(cat(path))[:200]}")
        path = os.path.join(folder, "t.jsonl" + suffix)
        open(path, "wb").write(pack("\n\n".join(json.dumps(x, ensure_ascii=r.random() < .5) for x in rows).encode()))
        check(cat(path) == rows, f"jsonl {i}{suffix}: {str(cat(path))[:200]}")


def samples():
    if not os.path.isdir(SAMPLES):
        skip("the hub's own files: no ../shared/data/eval")
        return
    for name in ("mmlu_pro/test-00000-of-00001.parquet", "mmlu_pro/validation-00000-of-00001.parquet", "mrcr/conversations.parquet"):
        path = os.path.join(SAMPLES, name)
        check(cat(path) == pq.read_table(path).to_pylist(), name)
    path = os.path.join(SAMPLES, "mrcr", "v2_toy.csv")
    check(cat(path) == list(csv.DictReader(open(path, newline=""))), path)


def golden():
    r, folder = random.Random(7), os.path.join(ROOT, "tests", "golden", "tables")
    t = {"id": "i", "question": "s", "options": ("list", "s"), "tests": ("list", ("struct", {"input": "s", "ok": "b", "score": "f"}))}
    rows = [{k: value(r, v) for k, v in t.items()} for _ in range(40)]
    table = pa.table({k: pa.array([x[k] for x in rows], arrow(v)) for k, v in t.items()})
    pq.write_table(table, os.path.join(folder, "snappy.parquet"), compression="snappy", row_group_size=16, data_page_size=64)
    pq.write_table(table, os.path.join(folder, "zstd-v2.parquet"), compression="zstd", data_page_version="2.0", use_dictionary=False)
    pq.write_table(table, os.path.join(folder, "gzip.parquet"), compression="gzip", row_group_size=16)
    with open(os.path.join(folder, "rows.json"), "w") as f:
        f.writelines(json.dumps(x, ensure_ascii=False) + "\n" for x in rows)


def compare():
    if sys.argv[1:] == ["--golden"]:
        return golden()
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    r = random.Random(seed)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory() as folder:
        parquet(r, 120, folder)
        texts(r, 60, folder)
    samples()


if __name__ == "__main__":
    sys.exit(tally.main(compare))
