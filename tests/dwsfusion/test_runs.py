import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dwsfusion.runs import fingerprint, whole_file, write_json, write_run, write_text


@dataclass
class Config:
    data: Path
    split: str = "test"


def test_a_run_says_how_it_came_about(tmp_path: Path) -> None:
    write_run(tmp_path, Config(Path("data/x")), device="cpu", seed=3, data="abc", results={"fused": np.int64(2)})
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["config"] == {"data": "data/x", "split": "test"}
    assert (run["device"], run["seed"], run["data"], run["fused"]) == ("cpu", 3, "abc", 2)
    assert {"python", "torch", "numpy"} <= run["versions"].keys()
    assert run["command"]


def test_the_fingerprint_follows_names_and_contents_not_order_or_folder(tmp_path: Path) -> None:
    def files(folder: str, contents: dict[str, str]) -> list[Path]:
        for name, text in contents.items():
            write_text(tmp_path / folder / name, text)
        return [tmp_path / folder / name for name in contents]

    one = fingerprint(files("a", {"x": "1", "y": "2"}))
    assert fingerprint(reversed(files("b", {"x": "1", "y": "2"}))) == one
    assert fingerprint(files("c", {"x": "1", "y": "3"})) != one
    assert fingerprint(files("d", {"x": "1", "z": "2"})) != one


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"x": 1})
    for bad in (object(), float("nan")):
        with pytest.raises((TypeError, ValueError)):
            write_json(tmp_path / "a.json", {"x": bad})
    assert json.loads((tmp_path / "a.json").read_text()) == {"x": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_file_that_is_half_written_never_shows(tmp_path: Path) -> None:
    path = tmp_path / "new/a.bin"
    with whole_file(path) as beside:
        beside.write_bytes(b"first")
        assert (beside.parent, beside.name[0], beside.suffix) == (path.parent, ".", ".tmp")
        assert not path.exists()

    def interrupted(error: BaseException) -> None:
        with whole_file(path) as beside:
            beside.write_bytes(b"sec")
            raise error

    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            interrupted(error)
    assert [(p.name, p.read_bytes()) for p in path.parent.iterdir()] == [("a.bin", b"first")]
