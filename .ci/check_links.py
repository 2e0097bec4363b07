"""Check that what the built site links to, and what estimators link to, is there.

Usage: python .ci/check_links.py SITE
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier


class Page(HTMLParser):
    """The links of a page, and the anchors that others may link to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.anchors = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        """Collect from one element."""
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src"):
                self.links.append(value or "")
            elif name == "srcset":
                self.links += [part.split()[0] for part in value.split(",")]


def broken_links(site):
    """Yield each page with each of its links within the site that lead nowhere."""
    paths = (path for path in sorted(site.rglob("*.html")) if is_page(path, site))
    pages = {path: Page(path.read_text()) for path in paths}
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            place = unquote(parts.path)
            target = (path.parent / place).resolve() if place else path
            anchor = unquote(parts.fragment)
            # Of files that are no pages the anchors are not known.
            anchors = pages[target].anchors if target in pages else {anchor}
            if not target.is_file() or (anchor and anchor not in anchors):
                yield path.relative_to(site), link


def is_page(path, site):
    """Tell pages from the theme's own templates."""
    return "_static" not in path.relative_to(site).parts


def links_of_estimators(site):
    """Yield the links of the estimators' drawings whose page is not in the site."""
    for estimator in (SparseAutoencoder(), StackedAutoencoderClassifier()):
        link = estimator._get_doc_link()
        # The site's own part comes after the language and the version.
        page = urlsplit(link).path.removeprefix("/en/stable/")
        if not (site / page).is_file():
            yield type(estimator).__name__, link


def main():
    """Print what is broken; fail if anything is."""
    site = Path(sys.argv[1]).resolve()
    if not (site / "index.html").is_file():
        sys.exit(f"{site} has no index.html: build the site first")
    broken = [*broken_links(site), *links_of_estimators(site)]
    for place, link in broken:
        print(f"{place}: {link}")
    sys.exit(f"{len(broken)} broken links" if broken else 0)


if __name__ == "__main__":
    main()
