"""Links that leave this folder, such as to a test: to the page that holds the file, else the file is named.

MkDocs calls it (`hooks` in mkdocs.yml). The texts are read in the repository, too, where such links work as they are.
"""

import logging
import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]\[]+)\]\((?!\w+:)([^)#\s]+)(#[^)\s]*)?\)")
_log = logging.getLogger("mkdocs.hooks.outside_links")


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Rewrites the links of a page; one that leads to no file is a warning, which a strict build does not accept."""
    docs = Path(config["docs_dir"])
    root, place = docs.parent, (docs / page.file.src_uri).parent

    def rewritten(found: re.Match[str]) -> str:
        text, target, anchor = found[1], os.path.normpath(place / found[2]), found[3] or ""
        if Path(target).is_relative_to(docs):  # an included text's may lead out and in again
            return f"[{text}]({_from_page(page, Path(target).relative_to(docs).as_posix())}{anchor})"
        name = Path(target).relative_to(root).as_posix() if Path(target).is_relative_to(root) else target
        if inside := config["extra"]["pages"].get(name):
            return f"[{text}]({_from_page(page, inside)}{anchor})"
        if not Path(target).exists():
            _log.warning("%s links to %s, which is not in the repository", page.file.src_uri, found[2])
        return f"{text} (`{name}`)" if name not in text else f"`{name}`"

    return _LINK.sub(rewritten, markdown)


def _from_page(page: Any, other: str) -> str:
    """Where another page is, as seen from a page."""
    return os.path.relpath(other, PurePosixPath(page.file.src_uri).parent)
