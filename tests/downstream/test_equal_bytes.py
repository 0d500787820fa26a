"""The same command gives the same bytes: twice, by one thread or two, in batches of one or eight."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import torch
from full_disk import code_of, contents

from downstream.sample import SampleConfig, make_sample

VOLATILE = ("run.json", "run.log")
"""Times stand in these."""
WAYS = {"first": (1, 1), "again": (1, 1), "two threads": (2, 1), "batches of eight": (2, 8)}
"""Threads, and pairs that are fused at a time."""


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("data") / "sample", SampleConfig(0, 5, 96, 128, 5))


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of the hub's kind, untrained: it calls every pixel something."""
    folder = tmp_path_factory.mktemp("hub") / "segformer"
    torch.manual_seed(0)
    smp.Segformer("mit_b0", encoder_weights=None, classes=19, decoder_segmentation_channels=16).save_pretrained(folder)
    return folder


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("threads")
def test_the_same_command_gives_the_same_bytes(scenes: Path, segmenter: Path, tmp_path: Path) -> None:
    found = {}
    for way, (count, batch) in WAYS.items():
        torch.set_num_threads(count)
        out = tmp_path / way.replace(" ", "-")
        fused, data = out / "fused/sample/dwsfusion/test", ["--data", scenes]
        assert code_of("fuse", [*data, "--batch-size", batch, "--out", fused]) == 0
        own = [*data, "--fused", out / "fused", "--resamples", "20"]
        assert code_of("detection", [*own, "--out", out / "detection"]) == 0
        asked = ["--protocol", "frozen", "--segmenter", segmenter, "--out", out / "segmentation"]
        assert code_of("segmentation", [*own, *asked]) == 0
        found[way] = contents(out, VOLATILE)
    first = found.pop("first")
    assert len([name for name in first if name.startswith("fused/sample/dwsfusion/test/0")]) == 5
    assert {"detection/detection.json", "segmentation/segmentation.json"} <= first.keys()
    differing = {way: sorted(n for n in first.keys() | own.keys() if first.get(n) != own.get(n))
                 for way, own in found.items()}  # fmt: skip
    assert differing == {way: [] for way in found}
