"""A training for real frozen networks, stopped and gone on with: the same bits as one that was never stopped."""

from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import pytest
import torch
from small_segmentation import TRAINING

from downstream.datasets.opening import open_data_set
from downstream.detection import yolo
from downstream.detection.task_loss import detection_loss
from downstream.sample import SampleConfig, make_sample
from downstream.segmentation.deeplab import DeepLabConfig, build_deeplab, save_deeplab
from downstream.segmentation.task_loss import segmentation_loss
from dwsfusion.generator import FREE
from dwsfusion.losses import LossWeights
from dwsfusion.training import Processes, TrainingConfig, fit, prepare

pytestmark = pytest.mark.skipif(
    find_spec("ultralytics") is None, reason="by ultralytics, which is imported by its door"
)
pytest.importorskip("segmentation_models_pytorch")

CPU = torch.device("cpu")
CONFIG = TrainingConfig(
    epochs=4, batch_size=2, patch=(176, 176), save_every=5, early_stop=0, variant=FREE,
    losses=LossWeights(adversarial=0), task_weight=(1.0, 10.0),
)  # fmt: skip


def test_four_epochs_equal_two_and_two_more_bit_for_bit(tmp_path: Path) -> None:
    """By a YOLO's own loss and a DeepLab's cross-entropy, through random disturbances."""
    scenes = make_sample(tmp_path / "sample", SampleConfig(3, 1, 192, 256, 5))
    shape = DeepLabConfig(9, TRAINING.encoder, TRAINING.decoder_channels)
    torch.manual_seed(0)
    save_deeplab(tmp_path / "segmenter.safetensors", build_deeplab(shape), shape, "test")
    data, pairs = open_data_set(scenes, "train", None, tmp_path / "unpacked")
    sources = [(data, pairs.pairs)]

    def start() -> tuple:
        sample = Path(yolo.__file__).with_name("sample.pt")
        detection = detection_loss(sources, [sample], None, CPU)
        segmentation = segmentation_loss(sources, [tmp_path / "segmenter.safetensors"], CPU)
        return prepare(pairs.pairs, CONFIG, Processes(CPU), [detection, segmentation])

    whole = list(fit(*start(), tmp_path / "whole", {}))
    first = list(islice(fit(*start(), tmp_path / "parts", {}), len(whole) // 2 + 1))  # the epoch's last word is out
    rest = list(fit(*start(), tmp_path / "parts", {}))
    assert first + rest == whole
    assert all(line["detection"] > 0 and line["segmentation"] > 0 for line in whole)
    a, b = (torch.load(tmp_path / run / "checkpoints/last.pt") for run in ("whole", "parts"))
    for part in ("nets", "optimisers"):
        torch.testing.assert_close(a[part], b[part], rtol=0, atol=0)
