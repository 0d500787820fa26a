"""Files that were changed by chance: every reader gives a value or an `InputError`, and nothing else.

The same few hundred changes in every run, in seconds; with $DWSFUSION_FUZZ=N, N new ones of every format.
"""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odd_pictures import BAD, GOOD, GREY, encoded

from downstream.benchmark.config import with_file
from downstream.comparison.class_mapping import read_mapping
from downstream.comparison.finished import read_json, read_largest
from downstream.datasets import box_files
from downstream.datasets.card_file import read_card
from downstream.datasets.cards import msrs
from downstream.datasets.masks import read_mask, read_predicted
from downstream.detection.given_predictions import read_given
from downstream.detection.predictions import _read_journal
from downstream.segmentation.state_files import read_state_file
from dwsfusion import InputError
from dwsfusion.checkpoints import DEFAULT_WEIGHTS, load_generator
from dwsfusion.images import image_size, png_text, read_image

EXAMPLES = int(os.environ.get("DWSFUSION_FUZZ", "0"))
LEAST = EXAMPLES or 20
fuzzed = settings(
    max_examples=LEAST, deadline=None, database=None, derandomize=not EXAMPLES,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
SIZE = (32, 48)
Read = Callable[[Path], object]

WORDS = [b"0", b"-1", b"1e999", b"NaN", b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xff\xfe", b"{", b"}", b"[", b"]",
         b'"', b"<", b">", b"&x;", b"*", b"&a", b"!!python/object:os.system", b": ", b"- ", b"../",
         b"9" * 20]  # fmt: skip
KINDS = ("set", "insert", "delete", "cut", "double", "big")
NEW = st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from(WORDS))
# Places in thousandths: this process takes the smallest floats as zeros, which hypothesis refuses.
EDITS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 1000), NEW), min_size=1, max_size=6)


def edited(content: bytes, edits: list[tuple[str, int, bytes]]) -> bytes:
    """A file's content after some accidents."""
    for kind, where, new in edits:
        at = where * len(content) // 1000
        if kind == "set":
            content = content[:at] + new + content[at + len(new) :]
        elif kind == "insert":
            content = content[:at] + new + content[at:]
        elif kind == "delete":
            content = content[:at] + content[at + len(new) :]
        elif kind == "cut":
            content = content[:at]
        elif kind == "double":
            content = content[:at] + content[at : at + 40] * 2 + content[at + 40 :]
        else:
            content = content[:at] + b"\xff\xff\xff\x7f" + content[at + 4 :]
    return content


def escaping(read: Read, path: Path, content: bytes) -> BaseException | None:
    """What a reader raises besides `InputError`."""
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read(path)
        except InputError:
            return None
        except Exception as error:  # noqa: BLE001 - that it may be anything is the point
            return error
    return None


def fuzz(read: Read, path: Path, content: bytes) -> int:
    """Reads a file after accidents, and says how many times: no time anything but `InputError` may escape."""
    times = 0

    @fuzzed
    @given(edits=EDITS)
    def check(edits: list[tuple[str, int, bytes]]) -> None:
        nonlocal times
        times += 1
        assert escaping(read, path, edited(content, edits)) is None

    check()
    return times


def test_what_escapes_is_found(tmp_path: Path) -> None:
    assert isinstance(escaping(lambda path: path.read_text().index("b"), tmp_path / "a", b"a"), ValueError)
    with pytest.raises(AssertionError):
        fuzz(lambda path: path.read_bytes().decode("ascii"), tmp_path / "a", b"\xff")


@pytest.mark.parametrize("kind", [*GOOD, *BAD])
def test_pictures(kind: str, tmp_path: Path) -> None:
    suffix, make = (GOOD | {k: (s, m) for k, (s, m, _) in BAD.items()})[kind]
    masks = msrs().masks
    assert masks is not None

    def read(path: Path) -> None:
        for reader in (read_image, image_size, png_text, lambda p: read_mask(p, masks)):
            try:
                found = reader(path)
            except InputError:
                continue
            if reader is read_image:
                assert found.dtype in (np.uint8, np.uint16)
                assert image_size(path) == found.shape[:2]

    assert fuzz(read, tmp_path / f"a{suffix}", make()) >= LEAST


YOLO = b"0 0.5 0.5 0.25 0.25\n2 0.1 0.2 0.1 0.1 0.9\n1 0.1 0.1 0.2 0.1 0.2 0.2\n"
KAIST = b"% bbGt version=3\nperson 10 10 12 20 0 0 0 0 0 0 0\npeople 1 2 3 4 0 0 0 0 0 0 0\n"
VOC = b"""<annotation><size><width>48</width><height>32</height></size><object><name>person</name><bndbox><xmin>3</xmin>
<ymin>4</ymin><xmax>20</xmax><ymax>30</ymax></bndbox></object></annotation>"""


@pytest.mark.parametrize(("format", "content"), [("yolo", YOLO), ("kaist", KAIST), ("voc", VOC)])
def test_labels(format: str, content: bytes, tmp_path: Path) -> None:
    boxes = msrs().boxes
    assert boxes is not None
    reader = {"yolo": None, **box_files._READERS}[format]
    assert fuzz(lambda path: box_files.read_boxes(path, SIZE, boxes, reader), tmp_path / "a.txt", content) >= LEAST


def test_predicted_masks(tmp_path: Path) -> None:
    masks = msrs().masks
    assert masks is not None
    assert fuzz(lambda path: read_predicted(path, masks), tmp_path / "a.png", encoded(GREY % 9, "PNG")) >= LEAST


def test_cards(tmp_path: Path) -> None:
    for name in ("msrs", "kaist", "pst900"):
        content = (Path(box_files.__file__).parent / f"{name}.yaml").read_bytes()
        assert fuzz(read_card, tmp_path / "dataset.yaml", content) >= LEAST


def test_settings_of_a_benchmark(tmp_path: Path) -> None:
    content = b"data: data/MSRS\ninputs: {a: b, c: d}\ncommon: true\ndetection: {detector: [x.pt], resamples: 20}\n"
    assert fuzz(lambda path: with_file(["--config", str(path)]), tmp_path / "a.yaml", content) >= LEAST


def test_mappings_and_finished_comparisons(tmp_path: Path) -> None:
    assert (
        fuzz(lambda path: read_mapping(path, ["car"]), tmp_path / "a.json", b'{"truck": "car", "bus": "car"}') >= LEAST
    )
    gains = {"gains": [{"image": "a", "change": 1}], "losses": []}
    content = json.dumps({"largest_changes": {"inputs": {"max": gains}}}).encode()
    assert fuzz(read_json, tmp_path / "a.json", content) >= LEAST
    assert fuzz(lambda path: read_largest(path, "max", 3), tmp_path / "a.json", content) >= LEAST


def test_predictions(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png", "width": 48, "height": 32}]
    truth = {"images": images, "annotations": [], "categories": [{"id": i, "name": n} for i, n in enumerate("xyz")]}
    result = {"image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
    given = json.dumps([result, {**result, "score": 0.25}]).encode()
    assert (
        fuzz(lambda path: read_given(path, truth, {"a": 1}, tmp_path / "out.json"), tmp_path / "a.json", given) >= LEAST
    )
    lines = "".join(json.dumps({"source": name, "results": [result]}) + "\n" for name in "ab").encode()
    assert fuzz(lambda path: _read_journal(path, {"a", "b"}), tmp_path / "a.jsonl", lines) >= LEAST


def test_weights(tmp_path: Path) -> None:
    assert fuzz(load_generator, tmp_path / "a.safetensors", DEFAULT_WEIGHTS.read_bytes()) >= LEAST
    assert fuzz(read_state_file, tmp_path / "a.safetensors", safetensors.torch.save({"x": torch.zeros(3)})) >= LEAST
    torch.save({"x": torch.zeros(3), "y": torch.ones(2, 2)}, tmp_path / "b.pth")
    content = (tmp_path / "b.pth").read_bytes()
    assert fuzz(load_generator, tmp_path / "a.pth", content) >= LEAST
    assert fuzz(read_state_file, tmp_path / "a.pth", content) >= LEAST
    torch.save({"x": torch.zeros(3)}, tmp_path / "c.pth", _use_new_zipfile_serialization=False)
    assert fuzz(load_generator, tmp_path / "a.pth", (tmp_path / "c.pth").read_bytes()) >= LEAST
