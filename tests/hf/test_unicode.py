#!/usr/bin/env python3
# The table of characters against the Python that runs the official templates and graders.      SPDX-License-Identifier: Apache-2.0
"""usage: test_unicode.py      run by `make check-hf`; scripts/make-unicode must write what stands in runtime/base/unicode_tables.c

Each Python, and each release of regex, brings a Unicode of its own: sets are compared where the table names the one that runs here.
"""
import os
import re
import subprocess
import sys

import regex

from tally import ROOT, check, main, skip


def sets(text):
    return dict(re.findall(r"carat_unicode_(\w+)\[\] = \{(.*?)\};", text, re.S))


def table():
    with open(os.path.join(ROOT, "runtime/base/unicode_tables.c"), encoding="utf-8") as f:
        stored = f.read()
    python = f"Python {sys.version_info.major}.{sys.version_info.minor} "
    if python not in stored:
        return skip(f"characters: the table is not of {python.strip()}")
    same_regex = f"regex {regex.__version__};" in stored
    made = subprocess.run([sys.executable, os.path.join(ROOT, "scripts/make-unicode")], capture_output=True, text=True, check=True).stdout
    ours, theirs = sets(stored), sets(made)
    check(len(ours) == 10 and list(ours) == list(theirs), "the same sets")
    for name in ours:
        if name == "regex_word" and not same_regex:
            skip(f"characters: the table is not of regex {regex.__version__}")
        else:
            check(ours[name] == theirs.get(name), f"characters: {name} is another set in this Python")


if __name__ == "__main__":
    sys.exit(main(table))
