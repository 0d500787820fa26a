"""A page in a window of a real browser."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar


class Visit:
    """A page in a window, with all that it asked for and complained of."""

    def __init__(self, browser, address, width=1280, **context):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, **context)
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: None if r.url.startswith("data:") else self.asked.append(r.url))
        self.page.goto(address)

    def leave(self):
        assert not self.complaints
        self.context.close()


class ReportVisit(Visit):
    """A report, opened from disk and without a network."""

    def __init__(self, browser, path, **options):
        super().__init__(browser, path.as_uri(), offline=True, **options)

    def picture(self):
        return self.page.locator('#strip [aria-current="true"]').get_attribute("data-name")

    def counts(self, name="dwsfusion"):
        """Hit, false and missed boxes that a panel counts, and those that it draws."""
        panel = self.page.locator(f'.panel[data-input="{name}"]')
        said = [int(n) for n in re.findall(r"\d+", panel.locator(".count").inner_text())]
        return said, [panel.locator(f"rect.{kind}").count() for kind in ("hit", "false", "missed")]


V = TypeVar("V", bound=Visit)


@contextmanager
def visits(kind: type[V], browser, first) -> Iterator[Callable[..., V]]:
    """Opens pages, the first where none is named, and leaves them all in the end."""
    opened = []

    def go(at=first, **options):
        opened.append(kind(browser, at, **options))
        return opened[-1]

    yield go
    for one in opened:
        one.leave()
