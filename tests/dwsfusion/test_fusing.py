import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from reference_network import disturbed

from dwsfusion import Fuser, InputError, find_pairs, fuse_folder, kernels
from dwsfusion.checkpoints import save_generator
from dwsfusion.engines.plain import PlainEngine
from dwsfusion.generator import RELEASED, Generator
from dwsfusion.images import ir_tensor, luma, read_image, vis_tensor

Save = Callable[[Path, np.ndarray], Path]


@pytest.fixture
def fuser() -> Fuser:
    return Fuser(disturbed(Generator(RELEASED), 0.1), "test", "test-1", "cpu")


def test_max_and_mean_keep_the_chroma_of_the_visible_picture(random: np.random.Generator) -> None:
    ir = random.integers(100, 150, (20, 20), np.uint8)
    vis = random.integers(100, 150, (20, 20, 3), np.uint8)
    y = vis @ [0.299, 0.587, 0.114]
    for name, rule in (("max", np.maximum(ir, y)), ("mean", (ir + y) / 2)):
        expected = vis + (rule - y)[..., None]
        np.testing.assert_allclose(Fuser.from_pretrained(name, "cpu").fuse(ir, vis), expected, atol=1.1)


def test_grey_sources_give_grey_pictures_of_the_larger_value(random: np.random.Generator) -> None:
    ir, vis = random.integers(0, 256, (2, 20, 20), np.uint8)
    fused = Fuser.from_pretrained("max", "cpu").fuse(ir, vis).astype(int)
    assert np.abs(fused - np.maximum(ir, vis)[..., None]).max() <= 1


@pytest.mark.parametrize("shape", [(16, 16), (17, 45)])
def test_the_network_gives_rgb_of_the_same_size(fuser: Fuser, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    fused = fuser.fuse(rng.integers(0, 256, shape, np.uint8), rng.integers(0, 256, (*shape, 3), np.uint8))
    assert (fused.dtype, fused.shape) == (np.uint8, (*shape, 3))
    assert fused.std() > 0


def test_16_bit_infrared_fuses_like_its_8_bit_twin(fuser: Fuser, random: np.random.Generator) -> None:
    ir, vis = random.integers(0, 256, (20, 20), np.uint8), random.integers(0, 256, (20, 20, 3), np.uint8)
    wide = fuser.fuse(ir.astype(np.uint16) * 257, vis).astype(int)
    assert np.abs(wide - fuser.fuse(ir, vis)).max() <= 1


def test_tensors_in_tensors_out_without_a_graph(fuser: Fuser) -> None:
    ir, vis_y = torch.rand(2, 2, 1, 20, 20)
    fused = fuser.fuse_tensors(ir, vis_y)
    assert fused.shape == (2, 1, 20, 20)
    assert not fused.requires_grad
    assert 0 <= fused.min() <= fused.max() <= 1


def test_weight_maps_are_those_of_the_plain_network(fuser: Fuser, random: np.random.Generator) -> None:
    ir, vis = random.integers(0, 256, (33, 50), np.uint8), random.integers(0, 256, (33, 50, 3), np.uint8)
    maps = fuser.weight_maps(ir, vis)
    ir_y, vis_y = ir_tensor(ir), luma(vis_tensor(vis))
    with torch.inference_mode():
        expected = PlainEngine(fuser.network).weights(ir_y, vis_y)
    for found, plain in zip(maps, expected, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, plain[0, 0].numpy(), atol=1e-5)
    with pytest.raises(InputError, match="found the rule max"):
        Fuser.from_pretrained("max").weight_maps(ir, vis)


def test_unequal_sizes_and_unknown_names_are_refused(fuser: Fuser, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="register or resize"):
        fuser.fuse(np.zeros((20, 20), np.uint8), np.zeros((20, 21, 3), np.uint8))
    with pytest.raises(InputError, match="found no file 'maximum'"):
        Fuser.from_pretrained("maximum")
    (tmp_path / "w.pth").write_text("no weights")
    with pytest.raises(InputError, match="cannot load safely"):
        Fuser.from_pretrained(tmp_path / "w.pth")
    with pytest.raises(InputError, match="expected a device"):
        Fuser.from_pretrained("max", "gpu!")


def test_the_packaged_weights_are_the_default() -> None:
    fuser = Fuser.from_pretrained(device="cpu")
    ir, vis = np.full((32, 32), 200, np.uint8), np.full((32, 32, 3), 20, np.uint8)
    assert fuser.fuse(ir, vis).mean() > 60  # the warm scene must show in the dark picture


def test_a_folder_is_fused_as_its_pairs_are(pair_root: Path, fuser: Fuser, tmp_path: Path) -> None:
    pairs = find_pairs(pair_root).pairs
    result = fuse_folder(fuser, pairs, tmp_path / "out", batch_size=2)
    assert (result.made, result.skipped, list(result.files)) == (3, [], [p.name for p in pairs])
    for pair in pairs:
        assert np.abs(read_image(result.files[pair.name]).astype(int) - fuser.fuse(*pair.read())).max() <= 1


def test_a_second_run_does_only_what_changed(pair_root: Path, fuser: Fuser, tmp_path: Path, save: Save) -> None:
    pairs = find_pairs(pair_root).pairs
    out = tmp_path / "out"
    fuse_folder(fuser, pairs, out)
    (out / "00001D.png").unlink()
    save(pair_root / "test/ir/00002N.png", np.zeros((32, 48), np.uint8))
    before = (out / "00003N.png").stat().st_mtime_ns
    assert fuse_folder(fuser, pairs, out).made == 2
    assert (out / "00003N.png").stat().st_mtime_ns == before
    assert fuse_folder(fuser, pairs, out).made == 0
    fuser.identity = "test-2"
    assert fuse_folder(fuser, pairs, out).made == 3


def test_a_picture_that_was_not_fused_here_is_never_replaced(pair_root: Path, fuser: Fuser, tmp_path: Path) -> None:
    pairs = find_pairs(pair_root).pairs
    before = [path.read_bytes() for pair in pairs for path in (pair.ir, pair.vis)]
    (tmp_path / "link").symlink_to(pairs[0].vis.parent, target_is_directory=True)
    for folder in (pairs[0].ir.parent, pairs[0].vis.parent, pairs[0].vis.parent.parent, tmp_path / "link"):
        with pytest.raises(InputError, match=r"(is|holds) the source folder .* choose another"):
            fuse_folder(fuser, pairs, folder)
    shutil.copytree(pairs[0].vis.parent, tmp_path / "mine")
    with pytest.raises(InputError, match="was not fused by this program"):
        fuse_folder(fuser, pairs, tmp_path / "mine")
    kept = sorted((tmp_path / "mine").iterdir())
    assert [path.read_bytes() for path in kept] == [pair.vis.read_bytes() for pair in pairs]
    assert before == [path.read_bytes() for pair in pairs for path in (pair.ir, pair.vis)]


def test_bad_pairs_are_skipped_and_named_and_the_others_fused(
    pair_root: Path, fuser: Fuser, tmp_path: Path, save: Save
) -> None:
    save(pair_root / "test/vi/00001D.png", np.zeros((9, 9, 3), np.uint8))
    (pair_root / "test/ir/00002N.png").write_bytes(b"")
    result = fuse_folder(fuser, find_pairs(pair_root).pairs, tmp_path / "out", batch_size=4)
    assert list(result.files) == ["00003N"]
    assert [s.name for s in result.skipped] == ["00001D", "00002N"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["00003N.png"]


def test_pairs_of_several_sizes_are_batched_by_size(pair_root: Path, fuser: Fuser, tmp_path: Path, save: Save) -> None:
    save(pair_root / "test/ir/00002N.png", np.zeros((20, 40), np.uint8))
    save(pair_root / "test/vi/00002N.png", np.zeros((20, 40, 3), np.uint8))
    result = fuse_folder(fuser, find_pairs(pair_root).pairs, tmp_path / "out", batch_size=8)
    assert [read_image(p).shape[:2] for p in result.files.values()] == [(32, 48), (20, 40), (32, 48)]


def test_fusing_imports_no_more_than_it_needs(pair_root: Path, tmp_path: Path) -> None:
    """Each of these takes a second or more to import."""
    heavy = ["matplotlib", "tensorboard", "torchmetrics", "ultralytics", "onnxruntime", "openvino", "ray", "pyarrow"]
    if kernels.available():  # the loops do torchvision's part
        heavy += ["torchvision", "torch._dynamo"]
    script = Path(__file__).parents[2] / "scripts/fuse_msrs.py"
    code = (
        "import runpy, sys\n"
        f"try: runpy.run_path({str(script)!r}, run_name='__main__')\n"
        f"finally: print('imported', [name for name in {heavy} if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "--data", str(pair_root), "--out", str(tmp_path / "out"), "--device", "cpu"]
    env = os.environ | {"PYTHONPATH": str(script.parents[1])}
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert run.returncode == 0, run.stderr
    assert "3 pairs in" in run.stdout
    assert "imported []" in run.stdout
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert 0 < record["network_seconds"] < record["seconds"]


@pytest.mark.gpu
def test_a_gpu_gives_the_pictures_of_the_cpu(pair_root: Path, fuser: Fuser, tmp_path: Path) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pairs = find_pairs(pair_root).pairs
    on_gpu = Fuser(deepcopy(fuser.network), "gpu", "gpu", "cuda")
    result = fuse_folder(on_gpu, pairs, tmp_path / "out", batch_size=2)
    for pair in pairs:
        assert np.abs(read_image(result.files[pair.name]).astype(int) - fuser.fuse(*pair.read())).max() <= 1


def test_a_changed_weights_file_changes_the_identity(tmp_path: Path) -> None:
    identities = set()
    for seed in (0, 1):
        torch.manual_seed(seed)
        save_generator(Generator(RELEASED), tmp_path / "w.safetensors")
        identities.add(Fuser.from_pretrained(tmp_path / "w.safetensors", "cpu").identity)
    assert len(identities) == 2


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("data_set", "largest", "equal", "mean"), [("MSRS", 1, 0.95, 1), ("TNO", 1, 0.95, 1), ("RoadScene", 255, 0, 1.3)]
)
def test_the_released_weights_reproduce_the_authors_pictures(
    real_data: Path, data_set: str, largest: int, equal: float, mean: float
) -> None:
    """RoadScene's were written as JPEG. A plain max must fail, or the check would say nothing."""
    fuser = Fuser.from_pretrained(real_data / "official/best_network.pth", "cpu")
    theirs = {p.stem: p for p in (real_data / "official/fused" / data_set).iterdir()}
    pairs = [p for p in find_pairs(real_data / "data" / data_set).pairs if p.name in theirs]
    assert len(pairs) >= 8

    def compare(method: Fuser) -> tuple[int, float, float]:
        differences = [
            np.abs(method.fuse(*pair.read()).astype(int) - read_image(theirs[pair.name])) for pair in pairs[::2]
        ]
        values = np.concatenate([d.ravel() for d in differences])
        return int(values.max()), float((values == 0).mean()), float(values.mean())

    found = compare(fuser)
    assert found[0] <= largest
    assert found[1] >= equal
    assert found[2] <= mean
    found = compare(Fuser.from_pretrained("max", "cpu"))
    assert found[0] > largest or found[1] < equal or found[2] > mean
