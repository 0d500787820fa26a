"""A report in a window of a real browser."""

import re


class Visit:
    """A page in a window, with all that it asked for and complained of."""

    def __init__(self, browser, path, width=1280, **context):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, **context)
        self.page = self.context.new_page()
        self.complaints, self.asked = [], []
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: None if r.url.startswith("data:") else self.asked.append(r.url))
        self.page.goto(path.as_uri())

    def picture(self):
        return self.page.locator('#strip [aria-current="true"]').get_attribute("data-name")

    def counts(self, name="dwsfusion"):
        """Hit, false and missed boxes that a panel counts, and those that it draws."""
        panel = self.page.locator(f'.panel[data-input="{name}"]')
        said = [int(n) for n in re.findall(r"\d+", panel.locator(".count").inner_text())]
        return said, [panel.locator(f"rect.{kind}").count() for kind in ("hit", "false", "missed")]
