"""A frozen segmenter's cross-entropy on fused pictures: our classes from its own, gradients to pictures alone."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_segmentation import CPU, MASKS, MSRS_OF_CITYSCAPES, TRAINING

from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.datasets.opening import open_data_set
from downstream.sample import SampleConfig, make_sample
from downstream.segmentation.deeplab import DeepLabConfig, build_deeplab, save_deeplab, to_input
from downstream.segmentation.task_loss import FrozenSegmenter, SegmentationLoss, cut_mask, segmentation_loss
from dwsfusion.errors import InputError
from dwsfusion.pairs import Pair
from dwsfusion.training import Place

pytest.importorskip("segmentation_models_pytorch")

PAIR = Pair("a", Path("ir/a.png"), Path("vi/a.png"))


def saved(path: Path, classes: int = 9, seed: int = 0) -> Path:
    """A tiny network of random weights, as compare_segmentation.py --protocol joint leaves it."""
    torch.manual_seed(seed)
    shape = DeepLabConfig(classes, TRAINING.encoder, TRAINING.decoder_channels)
    save_deeplab(path, build_deeplab(shape), shape, "test")
    return path


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("network") / "joint-seed0.safetensors")


def test_a_mask_is_cut_and_flipped_with_its_patch() -> None:
    mask = np.arange(30, dtype=np.uint8).reshape(5, 6)
    assert cut_mask(mask, Place(PAIR, 1, 2, 2, 3)).tolist() == [[8, 9, 10], [14, 15, 16]]
    assert cut_mask(mask, Place(PAIR, 1, 2, 2, 3, flipped=True)).tolist() == [[10, 9, 8], [16, 15, 14]]


def test_the_loss_is_the_mean_cross_entropy_over_the_pixels_that_count(network: Path) -> None:
    segmenter = FrozenSegmenter(network, CPU, MASKS)
    pixels = torch.randint(0, 256, (2, 64, 96, 3), dtype=torch.uint8)
    truth = np.random.default_rng(0).integers(0, 9, (2, 64, 96)).astype(np.uint8)
    truth[:, :10] = 255
    found = segmenter(pixels.permute(0, 3, 1, 2) / 255, truth)
    logits = segmenter.network(to_input(pixels))
    expected = F.cross_entropy(logits[:, :, 10:], torch.from_numpy(truth[:, 10:]).long())
    assert found.item() == pytest.approx(expected.item(), rel=1e-4)
    nothing = segmenter(pixels.permute(0, 3, 1, 2) / 255, np.full_like(truth, 255))
    assert nothing.item() == 0


def test_classes_of_cityscapes_that_count_as_one_are_added_and_others_do_not_count(tmp_path: Path) -> None:
    segmenter = FrozenSegmenter(saved(tmp_path / "city.safetensors", 19), CPU, MASKS)
    pixels = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    truth = np.random.default_rng(0).integers(0, 9, (1, 64, 64)).astype(np.uint8)
    found = segmenter(pixels.permute(0, 3, 1, 2) / 255, truth)
    likely = segmenter.network(to_input(pixels)).softmax(1)[0].numpy()  # (19, H, W)
    losses = [
        -np.log(likely[truth[0, y, x] == MSRS_OF_CITYSCAPES, y, x].sum())
        for y, x in np.ndindex(64, 64)
        if truth[0, y, x] in MSRS_OF_CITYSCAPES
    ]
    assert 0 < len(losses) < 64 * 64
    assert found.item() == pytest.approx(np.mean(losses), rel=1e-4)


def test_gradients_reach_pictures_of_any_size_and_nothing_of_the_network(network: Path) -> None:
    task = SegmentationLoss([FrozenSegmenter(network, CPU, MASKS)], {PAIR: np.ones((90, 120), np.uint8)})
    pictures = torch.rand(1, 3, 96, 96, requires_grad=True)
    task(pictures, [Place(PAIR, 8, 3, 80, 80)], 0).backward()
    assert pictures.grad.abs().sum() > 0  # type: ignore[union-attr]
    net = task._segmenters[0].network
    assert all(p.grad is None and not p.requires_grad for p in net.parameters())
    assert not any(module.training for module in net.modules())
    with torch.inference_mode():
        assert task.measure(torch.rand(1, 3, 90, 120), PAIR) > 0


@pytest.mark.parametrize("size", [(None, None), (64, 96)])
def test_gradients_go_through_an_onnx_file(size: tuple[int | None, int | None], tmp_path: Path) -> None:
    pytest.importorskip("onnx2torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.ReLU(), torch.nn.Conv2d(8, 9, 1)).eval()
    axes = {"pixels": {2: "h", 3: "w"}, "logits": {2: "h", 3: "w"}} if size == (None, None) else None
    torch.onnx.export(
        net, (torch.rand(1, 3, 64, 96),), tmp_path / "net.onnx", input_names=["pixels"], output_names=["logits"],
        dynamic_axes=axes, dynamo=False,
    )  # fmt: skip
    segmenter = FrozenSegmenter(tmp_path / "net.onnx", CPU, MASKS)
    pictures = torch.rand(2, 3, 80, 120, requires_grad=True)
    truth = np.random.default_rng(0).integers(0, 9, (2, 80, 120)).astype(np.uint8)
    loss = segmenter(pictures, truth)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    seen = (pictures.detach() - mean) / std
    if size[0]:
        seen = F.interpolate(seen, size, mode="bilinear", antialias=True)
    logits = F.interpolate(net(seen), (80, 120), mode="bilinear")
    assert loss.item() == pytest.approx(F.cross_entropy(logits, torch.from_numpy(truth).long()).item(), rel=1e-4)
    loss.backward()
    assert (pictures.grad.flatten(1).abs().sum(1) > 0).all()  # type: ignore[union-attr]


def test_an_onnx_file_without_onnx2torch_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    net = torch.nn.Conv2d(3, 9, 1)
    torch.onnx.export(net, (torch.rand(1, 3, 64, 96),), tmp_path / "net.onnx", dynamo=False)
    monkeypatch.setitem(sys.modules, "onnx2torch", None)
    with pytest.raises(InputError, match="pip install onnx2torch"):
        FrozenSegmenter(tmp_path / "net.onnx", CPU, MASKS)


def test_the_pairs_of_a_data_set_with_masks_are_known(tmp_path: Path, network: Path) -> None:
    root = make_sample(tmp_path / "sample", SampleConfig(1, 3, 96, 128, 5))
    data, pairs = open_data_set(root, "test", None, tmp_path)
    next((root / "test").glob(f"Segmentation_labels/{pairs.pairs[1].name}.png")).unlink()
    task = segmentation_loss([(data, pairs.pairs)], [network], CPU)
    assert set(task.labelled) == {pairs.pairs[0], pairs.pairs[2]}
    other = segmentation_loss([(data, pairs.pairs)], [saved(tmp_path / "b.safetensors", seed=1)], CPU)
    assert task.identity != other.identity
    assert task.identity == segmentation_loss([(data, pairs.pairs)], [network], CPU).identity


def test_what_cannot_work_is_refused(tmp_path: Path, network: Path) -> None:
    with pytest.raises(InputError, match="give a file with --segmenter"):
        segmentation_loss([], [], CPU)
    data = DataSet(msrs(), tmp_path)
    with pytest.raises(InputError, match="masks of the same classes, found none"):
        segmentation_loss([(data, [PAIR])], [network], CPU)
