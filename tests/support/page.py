#!/usr/bin/env python3
"""Checks a page or an XML file as its readers parse it.                              SPDX-License-Identifier: Apache-2.0

usage: page.py FILE[:MAXBYTES]...
HTML: every tag closed in order, ids unique, links inside the page, no script, nothing fetched from outside. XML (by its first bytes): well-formed, and no character that XML 1.0 forbids.
"""
import html.parser
import re
import sys
import xml.etree.ElementTree

VOID = {"meta", "br", "link", "img", "input", "hr"}
faults = []


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.links, self.counts = [], [], [], {}

    def handle_starttag(self, tag, attrs):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        given = dict(attrs)
        if tag in ("script", "link", "img", "iframe", "object", "embed", "base", "form"):
            faults.append(f"line {self.getpos()[0]}: <{tag}>")
        for name, value in attrs:
            if name.startswith("on") or name in ("src", "srcset", "style", "background"):
                faults.append(f"line {self.getpos()[0]}: attribute {name}")
            if name == "href" and not re.fullmatch(r"#[\w-]+", value or ""):
                faults.append(f"line {self.getpos()[0]}: href {value}")
        self.links += [v[1:] for n, v in attrs if n == "href"]
        self.ids += [v for n, v in attrs if n == "id"]
        if tag == "svg" and given.get("role") != "img":
            faults.append(f"line {self.getpos()[0]}: a picture without a role")
        if tag == "th" and given.get("scope") not in ("row", "col"):
            faults.append(f"line {self.getpos()[0]}: a heading of neither row nor column")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            faults.append(f"line {self.getpos()[0]}: </{tag}> closes nothing")


def check(path, limit):
    data = open(path, "rb").read()
    text = data.decode()  # strict: UTF-8
    if len(data) > limit:
        faults.append(f"{len(data)} bytes, at most {limit}")
    bad = re.search("[\x00-\x08\x0b-\x1f\x7f\ufffe\uffff]", text)
    if bad:
        faults.append(f"U+{ord(bad.group()):04X} at {bad.start()}")
    if text.startswith("<?xml") or text.startswith("<svg"):
        root = xml.etree.ElementTree.fromstring(data)
        return f"{root.tag.rpartition('}')[2]} of {len(list(root.iter()))} elements"
    page = Page()
    page.feed(text)
    page.close()
    if page.open:
        faults.append(f"never closed: {page.open}")
    if len(set(page.ids)) != len(page.ids):
        faults.append("an id twice")
    if set(page.links) - set(page.ids):
        faults.append(f"links to nowhere: {set(page.links) - set(page.ids)}")
    style = re.search("<style>(.*?)</style>", text, re.S).group(1)
    if re.search(r"url\(|@import|https?:", style):
        faults.append("the style sheet fetches something")
    return "page: " + ", ".join(f"{page.counts.get(t, 0)} {t}" for t in ("section", "table", "svg", "details"))


def main():
    for arg in sys.argv[1:]:
        path, _, limit = arg.partition(":")
        what = check(path, int(limit or 1 << 40))
        print(path, "; ".join(faults) or what)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
