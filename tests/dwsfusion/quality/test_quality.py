import csv
import math
import time

import numpy as np
import pytest
import reference_quality as reference
import torch
from torch.nn.functional import pad
from torchmetrics.functional.image import (
    structural_similarity_index_measure,
    visual_information_fidelity,
)

from dwsfusion import InputError
from dwsfusion.images import read_image
from dwsfusion.quality import DEFAULT, PRESETS, Picture, fmi_windows, grey_levels, measure
from dwsfusion.quality.fmi import _meyer_bands

SLOW = {
    "EN": reference.entropy,
    "SD": np.std,
    "SF": reference.spatial_frequency,
    "AG": reference.average_gradient,
    "MI": reference.mutual_information,
    "SCD": reference.sum_of_correlations_of_differences,
    "CC": reference.correlation,
    "VIF": reference.vif,
    "SSIM": reference.ssim,
    "MS-SSIM": reference.ms_ssim,
    "PSNR": reference.peak_signal_to_noise,
    "MSE": reference.mean_squared_error,
    "Qabf": reference.qabf,
    "Nabf": reference.nabf,
    "FMI pixel": reference.fmi,
    "FMI DCT": lambda *pictures: reference.fmi(*pictures, feature=reference.cosine),
}
BIG = ("MS-SSIM",)
"""Metrics that only a larger picture can have."""


def scene(random, height=48, width=60):
    """Infrared, visible and fused grey levels: blobs, texture and noise, rounded."""
    y, x = np.mgrid[:height, :width]
    ir = 40 + 180 * (np.hypot(x - width / 3, y - height / 2) < height / 5) + random.normal(0, 3, (height, width))
    vis = 90 + 60 * np.sin(x / 4) * np.cos(y / 6) + random.normal(0, 8, (height, width))
    fused = np.maximum(ir, vis) + random.normal(0, 2, (height, width))
    return tuple(np.clip(np.round(p), 0, 255) for p in (fused, ir, vis))


def pictures(*levels):
    return [Picture(torch.tensor(p, dtype=torch.float32)[None, None]) for p in levels]


def run(name, fused, ir, vis, preset="default"):
    metric = PRESETS[preset][name]
    return metric.compute(fused, ir, vis) if metric.against_sources else metric.compute(fused)


@pytest.mark.parametrize("name", SLOW)
def test_as_the_slow_version_has_it(name, random):
    size = (176, 190) if name in BIG else (48, 60)
    levels = scene(random, *size)
    slow = SLOW[name](*levels) if DEFAULT[name].against_sources else SLOW[name](levels[0])
    assert run(name, *pictures(*levels)).item() == pytest.approx(slow, rel=2e-4, abs=1e-5)


def test_as_torchmetrics_has_them(random):
    fused, ir, vis = pictures(*scene(random, 64, 72))
    both = [visual_information_fidelity(fused.y, s.y).item() for s in (ir, vis)]
    assert run("VIF", fused, ir, vis).item() == pytest.approx(sum(both), rel=1e-3)
    both = [structural_similarity_index_measure(fused.y, s.y, data_range=255.0).item() for s in (ir, vis)]
    # torchmetrics mirrors the pictures at their border and measures there too.
    mirrored = [Picture(pad(p.y, (5, 5, 5, 5), mode="reflect")) for p in (fused, ir, vis)]
    assert run("SSIM", *mirrored).item() == pytest.approx(sum(both) / 2, rel=1e-4)


def test_by_hand():
    half = np.zeros((16, 16))
    half[:, 8:] = 100
    fused, dark, same = pictures(half, np.zeros((16, 16)), half)
    assert run("EN", fused, dark, same).item() == pytest.approx(1)  # two levels, half each: one bit
    assert run("SD", fused, dark, same).item() == pytest.approx(50)
    assert run("SF", fused, dark, same).item() == pytest.approx(100 / math.sqrt(15))  # one step in each row of 15
    assert run("AG", fused, dark, same).item() == pytest.approx(100 / math.sqrt(2) / 15)
    assert run("MI", fused, dark, same).item() == pytest.approx(1)  # nothing of the dark, the one bit of the other
    assert run("MI", fused, dark, same, "cddfuse").item() == pytest.approx(math.log(2))
    assert run("CC", fused, dark, same).item() == pytest.approx(0.5)
    assert run("SCD", fused, dark, same).item() == pytest.approx(1)  # r(dark, 0) + r(half, half)
    assert run("MSE", fused, dark, same).item() == pytest.approx(100**2 / 4)
    assert run("PSNR", fused, dark, same).item() == pytest.approx(10 * math.log10(255**2 / 2500))
    assert run("PSNR", fused, dark, same, "authors").item() == pytest.approx(10 * math.log10(255**2 / 2500) + 48.1308)
    assert run("PSNR", fused, dark, same, "cddfuse").item() == pytest.approx(10 * math.log10(100**2 / 2500))


def test_three_equal_pictures_are_the_best(random):
    picture = pictures(scene(random, 176, 190)[0])[0]
    found = {name: run(name, picture, picture, picture).item() for name in DEFAULT}
    expected = {"CC": 1, "VIF": 2, "SSIM": 1, "MS-SSIM": 1, "MSE": 0, "Nabf": 0}
    expected |= {"FMI pixel": 1, "FMI DCT": 1, "FMI wavelet": 1, "SCD": 0}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-4)
    assert found["MI"] == pytest.approx(2 * found["EN"])
    assert found["Qabf"] == pytest.approx(0.9994 / (1 + math.exp(-7.5)) * 0.9879 / (1 + math.exp(-4.4)), abs=1e-3)
    assert found["PSNR"] == pytest.approx(10 * math.log10(255**2 * 2 * 176 * 190))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("level", [0, 7, 255])
def test_constant_pictures_have_values(preset, level, random):
    flat = np.full((176, 176), float(level))
    noise = random.integers(0, 256, (176, 176)).astype(float)
    for levels in ((flat, flat, flat), (flat, noise, noise), (noise, flat, noise), (noise, flat, flat)):
        found = measure(*pictures(*levels), PRESETS[preset])
        assert all(math.isfinite(value.item()) for value in found.values()), found
    nothing_lost = measure(*pictures(flat, flat, flat))
    assert nothing_lost["VIF"].item() == 2
    assert nothing_lost["EN"].item() == nothing_lost["MI"].item() == nothing_lost["CC"].item() == 0


@pytest.mark.parametrize("preset", PRESETS)
def test_a_batch_is_its_singles_and_shares_its_source(preset, random):
    scenes = [scene(random, 176, 180) for _ in range(3)]
    ir, vis = pictures(*scenes[0][1:])
    batch = Picture(torch.cat([p.y for s in scenes for p in pictures(s[0])]))
    together = measure(batch, ir, vis, PRESETS[preset])
    for k, s in enumerate(scenes):
        single = measure(*pictures(s[0]), ir, vis, PRESETS[preset])
        for name in together:
            assert together[name].shape == (3,)
            assert together[name][k].item() == pytest.approx(single[name].item(), rel=1e-4), name


def test_a_source_is_analysed_once():
    calls = []

    def analyse(y):
        calls.append(y)
        return y.mean()

    picture = Picture(torch.zeros(1, 1, 16, 16))
    assert picture.once(analyse) is picture.once(analyse)
    assert len(calls) == 1


def test_compiled_loops_and_tensor_operations_agree(random):
    fused, ir, _ = pictures(*scene(random, 40, 150))  # two blocks of lanes and a rest
    loops = pytest.importorskip("dwsfusion.quality.fmi_windows_cpu", exc_type=ImportError)
    compiled = loops.shared_information(ir.y, fused.y)
    assert compiled.item() == pytest.approx(fmi_windows.shared_information(ir.y, fused.y).item(), rel=1e-4)


def test_the_wavelet_parts_a_picture_into_bands():
    bands = _meyer_bands(200)
    assert bands.shape == (2 * 130, 200)
    low, high = bands[:130] @ torch.ones(200).double(), bands[130:] @ torch.ones(200).double()
    assert torch.allclose(low, torch.full_like(low, math.sqrt(2)), atol=1e-4)
    assert high.abs().max() < 2e-3  # the filter is cut off: not quite zero
    inside = bands[40:90] @ bands[40:90].T  # orthonormal away from the border
    assert torch.allclose(inside, torch.eye(50).double(), atol=3e-3)


def test_grey_levels_are_rounded_luma():
    red = np.zeros((16, 16, 3), np.uint8)
    red[..., 0] = 255
    assert grey_levels(red)[0, 0, 0, 0].item() == 76  # 0.299 · 255 = 76.2
    deep = np.full((16, 16), 65535, np.uint16)
    assert grey_levels(deep).unique().tolist() == [255]
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert np.array_equal(grey_levels(np.repeat(grey[..., None], 3, axis=2))[0, 0].numpy(), grey)


def test_bad_input_is_refused():
    good = Picture(torch.zeros(1, 1, 20, 20))
    with pytest.raises(InputError, match="NaN"):
        Picture(torch.full((1, 1, 20, 20), float("nan")))
    with pytest.raises(InputError, match="whole grey levels"):
        Picture(torch.full((1, 1, 20, 20), 0.5))
    with pytest.raises(InputError, match="at least 16"):
        Picture(torch.zeros(1, 1, 15, 20))
    with pytest.raises(InputError, match="float grey levels"):
        Picture(torch.zeros(20, 20))
    with pytest.raises(InputError, match="one size"):
        measure(good, good, Picture(torch.zeros(1, 1, 20, 21)))
    with pytest.raises(InputError, match="one size"):
        grey_levels(np.zeros((20, 20), np.uint8), np.zeros((21, 20), np.uint8))
    with pytest.raises(InputError, match="176"):
        run("MS-SSIM", good, good, good)
    assert "MS-SSIM" not in measure(good, good, good)
    assert "VIF" not in measure(good, good, good)


def test_presets_say_what_they_measure():
    for preset in PRESETS.values():
        assert list(preset) == list(DEFAULT)
        for metric in preset.values():
            assert metric.definition
    assert PRESETS["cddfuse"]["MI"].unit == "nat"


@pytest.mark.slow
def test_ten_times_as_fast_as_the_slow_version(random):
    levels = scene(random, 240, 320)
    names = [n for n in SLOW if not n.startswith("FMI")]  # plain loops over windows would take minutes

    def fast():
        given = pictures(*levels)
        for name in names:
            run(name, *given)

    def slow():
        for name in names:
            SLOW[name](*levels) if DEFAULT[name].against_sources else SLOW[name](levels[0])

    def seconds(action):
        start = time.process_time()
        action()
        return time.process_time() - start

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # waiting threads would count as work
    try:
        fast()
        rounds = [(seconds(fast), seconds(slow)) for _ in range(3)]
    finally:
        torch.set_num_threads(threads)
    assert min(s for _, s in rounds) > 10 * min(f for f, _ in rounds)


@pytest.mark.real_data
@pytest.mark.parametrize("data", ["MSRS", "TNO", "RoadScene"])
def test_the_authors_tables_are_reproduced(data, real_data):
    with (real_data / f"official/metrics/metric_{data}_DWSFusion.csv").open(newline="") as file:
        published = {row[data]: row for row in csv.DictReader(file)}
    checked = 0
    for path in sorted((real_data / "official/fused" / data).iterdir()):
        files = [next((real_data / "data" / data / "test" / s).glob(f"{path.stem}.*"), None) for s in ("ir", "vi")]
        if None in files or path.name not in published:
            continue
        given = [Picture(grey_levels(read_image(p))) for p in (path, *files)]
        for name in ("MI", "SD", "VIF", "SSIM", "Qabf", "PSNR"):
            value = run(name, *given, "authors").item()
            assert value == pytest.approx(float(published[path.name][name]), rel=5e-4), (path.name, name)
        checked += 1
    assert checked >= 5
