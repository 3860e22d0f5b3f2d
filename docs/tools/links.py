"""Checks that every link and picture of a site exists, and that nothing is loaded from the network:
`python -m docs.tools.links build/site`."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("source", "src"),
    ("iframe", "src"),
    ("object", "data"),
}


class Page(HTMLParser):
    """The anchors of a page, what it links to, and what it loads."""

    def __init__(self, path: Path):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {k: v for k, v in attrs if v}
        self.anchors |= {given[k] for k in ("id", "name") if k in given}
        if tag == "a" and "href" in given:
            self.links.add(given["href"])
        self.loads |= {given[k] for t, k in LOADED if t == tag and k in given}


def broken(site: Path) -> list[str]:
    """A line for each thing that is wrong."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    wrong = []
    for path, page in pages.items():
        here = path.relative_to(site.resolve())
        wrong += [f"{here} loads {url}" for url in page.loads if urlsplit(url).scheme not in ("", "data")]
        for url in sorted(page.links | page.loads):
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.exists():
                wrong.append(f"{here} links to {url}, which does not exist")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                wrong.append(f"{here} links to {url}, which has no such place")
    return wrong


def main(arguments: list[str]) -> int:
    wrong = broken(Path(arguments[0]))
    print("\n".join(wrong) or "no broken links, and nothing is loaded from the network")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
