"""One self-contained page from results: template, style and scripts put together, with the pictures it holds."""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

from downstream.report.encoding import data_url

_SCRIPTS = ("dom", "theme", "numbers", "verdicts", "networks", "charts", "tables", "detail", "parts", "stage", "panels",
            "gallery", "tools", "counting", "uncertainty", "recheck", "page")  # fmt: skip


def render(results: Mapping[str, Any], pictures: Iterable[tuple[str, bytes]]) -> str:
    """Puts the page together; it asks nothing of a network, and shows any other run's results as well.

    Args:
        results: what ``results.json`` holds.
        pictures: path beside the page, and content, of each picture that the page itself holds.
    """
    from jinja2 import Environment  # here, for it comes with an extra

    folder = files("downstream.report") / "page"
    style = (folder / "style.css").read_text(encoding="utf-8")
    script = "\n".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS)
    held = {path: data_url(path.rpartition(".")[2], content) for path, content in pictures}
    template = Environment(autoescape=True).from_string((folder / "page.html.j2").read_text(encoding="utf-8"))
    return template.render(
        title=f"What fusion is worth on {results['data']['name']}",
        style=style,
        script=f"\n{script}\n",
        script_hash=_hash(f"\n{script}\n"),
        results=_embedded(results),
        pictures=_embedded(held),
    )


def _embedded(value: Any) -> str:
    """JSON that may stand in a page: nothing in it can end its script."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _hash(script: str) -> str:
    """What the page's own policy lets run, and nothing else."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
