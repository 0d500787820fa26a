"""Parts of a data set by name, and lists of pairs in flat memory."""

import csv
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from dwsfusion import InputError, Pair
from dwsfusion.manifest import Manifest
from dwsfusion.shards import Shard


def test_every_name_belongs_to_one_shard_and_shards_are_about_equal() -> None:
    names = [f"{k:06}N" for k in range(12_000)]
    shards = [Shard(i, 7) for i in range(1, 8)]
    held = [[shard.holds(name) for shard in shards] for name in names]
    assert all(sum(row) == 1 for row in held)
    sizes = np.sum(held, axis=0)
    assert (abs(sizes - 12_000 / 7) < 5 * (12_000 / 7) ** 0.5).all()


def test_a_name_belongs_to_one_shard_in_both_unicode_forms_and_if_it_is_no_text() -> None:
    for shard in (Shard(i, 3) for i in (1, 2, 3)):
        assert shard.holds("é") == shard.holds("e\u0301")
    assert sum(Shard(i, 3).holds("a\udcff") for i in (1, 2, 3)) == 1


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/4/2", "1 / 4"])
def test_what_is_no_shard_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a shard I/N"):
        Shard.parse(text)


def test_a_launcher_says_the_shard_where_nothing_is_asked() -> None:
    assert Shard.asked(None, {"RANK": "1", "WORLD_SIZE": "4"}) == Shard(2, 4)
    assert Shard.asked("3/3", {"RANK": "1", "WORLD_SIZE": "4"}) == Shard(3, 3)
    for environment in ({}, {"RANK": "0", "WORLD_SIZE": "1"}, {"WORLD_SIZE": "4"}, {"RANK": "x", "WORLD_SIZE": "4"}):
        assert Shard.asked(None, environment) is None


@pytest.fixture
def rows() -> list[tuple[str, str, str]]:
    return [("a", "ir/a.png", "vi/a.png"), ("b", "/elsewhere/b.png", "b.jpg"), ("c, d", "c.png", "d.png")]


def _written(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    if path.suffix == ".parquet":
        arrow = pytest.importorskip("pyarrow")
        import pyarrow.parquet as parquet

        columns = list(zip(*rows, strict=True))
        table = arrow.table({"vis": columns[2], "more": [0] * len(rows), "name": columns[0], "ir": columns[1]})
        parquet.write_table(table, path)
        return path
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        csv.writer(file).writerows([("vis", "Name", "more", "ir"), *((vis, name, 0, ir) for name, ir, vis in rows)])
    return path


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_manifest_gives_pairs_in_its_order_and_by_the_names_of_its_columns(
    tmp_path: Path, rows: list[tuple[str, str, str]], kind: str
) -> None:
    manifest = Manifest(_written(tmp_path / f"pairs.{kind}", rows))
    expected = [
        Pair("a", tmp_path / "ir/a.png", tmp_path / "vi/a.png"),
        Pair("b", Path("/elsewhere/b.png"), tmp_path / "b.jpg"),
        Pair("c, d", tmp_path / "c.png", tmp_path / "d.png"),
    ]
    assert len(manifest) == 3
    assert list(manifest) == list(manifest) == expected
    assert manifest.first(2) == expected[:2]
    assert not manifest.skipped


def test_shards_of_a_manifest_are_its_pairs(tmp_path: Path) -> None:
    path = _written(tmp_path / "pairs.csv", [(f"{k}", f"{k}.png", f"{k}.jpg") for k in range(50)])
    parts = [Manifest(path, Shard(i, 3)) for i in (1, 2, 3)]
    together = sorted(pair for part in parts for pair in part.numbered())
    assert together == list(Manifest(path).numbered())
    assert [len(part) for part in parts] == [len(list(part)) for part in parts]


def test_names_that_no_picture_can_bear_or_that_stand_twice_are_skipped_and_named(tmp_path: Path) -> None:
    names = ["good", "../up", "a/b", "", "twice", "n" * 241, "twice", "e\u0301", "é", "twice", ".."]
    path = _written(tmp_path / "pairs.csv", [(name, "i.png", "v.png") for name in names])
    manifest = Manifest(path)
    assert [pair.name for pair in manifest] == ["good"]
    reasons = {item.name: item.reason for item in manifest.skipped}
    assert "row 2: expected a name without folder, found '../up'" in reasons["../up"]
    assert "row 6: a name of more than 240 bytes" in reasons["n" * 241]
    assert "several rows" in reasons["twice"]
    assert "several rows" in reasons["é"]
    assert len(manifest.skipped) == 7
    skipped = [s for i in (1, 2) for s in Manifest(path, Shard(i, 2)).skipped]
    assert sorted(s.name for s in skipped) == sorted(s.name for s in manifest.skipped)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.csv", "name,ir\na,b\n", "vis missing"),
        ("a.csv", "", "found nothing"),
        ("a.csv", "name,ir,vis\n", "found no row"),
        ("a.csv", "name,ir,vis\na,b\n", r"line 2: expected name, ir, vis, found \['a', 'b'\]"),
        ("a.txt", "name,ir,vis\n", r"expected a manifest .csv or .parquet"),
        ("a.parquet", "no parquet", "expected a list of pairs"),
    ],
)
def test_what_is_no_manifest_is_refused(tmp_path: Path, name: str, text: str, expected: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=expected):
        Manifest(tmp_path / name)


def test_a_long_manifest_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    with path.open("w") as file:
        file.write("name,ir,vis\n")
        file.writelines(f"{k:08},ir/{k:08}.png,vi/{k:08}.png\n" for k in range(30_000))
    tracemalloc.start()
    manifest = Manifest(path)
    assert sum(1 for _ in manifest) == len(manifest) == 30_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 * 30_000  # names and paths alone would take ten times that
