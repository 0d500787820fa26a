"""The documentation builds, and every link in it leads somewhere."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from downstream.commands import NAMES

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.skipif(importlib.util.find_spec("mkdocs") is None, reason="needs the extra docs")


def build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(site)]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(call, cwd=root, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs") / "site"
    done = build(ROOT, out)
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.slow
def test_the_pages_hold_what_they_are_made_of(site: Path) -> None:
    for page, text in {
        "index.html": "Your data",
        "protocols.html": "late fusion",
        "results.html": "Detection on real MSRS pictures",
        "deploy.html": "NUMBA_CACHE_DIR",
        "data-sets.html": "Multi-Spectral Road Scenarios",
        "reference/fusing.html": "Fuses one pair",
        "reference/commands.html": "Pairs of one size that are computed together",
        "reference/comparisons.html": "Late fusion: what the same networks see",
    }.items():
        assert text in (site / page).read_text(encoding="utf-8"), page


@pytest.mark.slow
def test_every_command_is_explained(site: Path) -> None:
    text = (site / "reference/commands.html").read_text(encoding="utf-8")
    assert [name for name in NAMES if f'id="downstream.commands.{name}"' not in text] == []


@pytest.mark.slow
def test_the_pages_ask_nothing_of_another_server(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert 'src="http' not in text, page
        assert not [part for part in text.split("<link ")[1:] if "stylesheet" in part[:200] and "//" in part[:200]], (
            page
        )


@pytest.mark.slow
def test_what_leads_nowhere_is_refused(tmp_path: Path) -> None:
    """The same configuration with few pages, first whole and then with four faults."""
    for name in ("docs/outside_links.py", "docs/statistics.md", "tests/populations.py",
                 "tests/downstream/comparison/test_coverage.py"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    settings, _, rest = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")
    (tmp_path / "mkdocs.yml").write_text(settings + "\nhooks:" + rest.partition("\nhooks:")[2], encoding="utf-8")
    (tmp_path / "docs/index.md").write_text("# Start\n\n[a test](../tests/populations.py)\n", encoding="utf-8")
    whole = build(tmp_path, tmp_path / "site")
    assert whole.returncode == 0, whole.stderr
    assert "<code>tests/populations.py</code>" in (tmp_path / "site/index.html").read_text(encoding="utf-8")
    warned = {
        "no-such-page.md": "[gone](no-such-page.md)",
        "no-such-part": "[gone](statistics.md#no-such-part)",
        "no_such_test.py": "[gone](../tests/no_such_test.py)",
    }
    (tmp_path / "docs/index.md").write_text("\n\n".join(["# Start", *warned.values()]), encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    lines = [line for line in done.stderr.splitlines() if "WARNING" in line]
    assert len(lines) == 3
    assert [name for name in warned if not any(name in line for line in lines)] == []
    # What is included or documented but not there ends the build at once.
    (tmp_path / "docs/index.md").write_text("# Start\n\n::: dwsfusion.no_such_module\n", encoding="utf-8")
    done = build(tmp_path, tmp_path / "site")
    assert done.returncode != 0
    assert "no_such_module" in done.stderr


def test_the_maps_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    done = subprocess.run([sys.executable, ROOT / "docs/draw_maps.py", tmp_path / "maps.png"], cwd=ROOT, check=False,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "maps.png").stat().st_size > 50_000
