"""Several networks a task in one benchmark: each one's figures, what holds over all, and a page that shows either."""

import csv
import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch
import yaml
from page_visit import ReportVisit, visits
from small_benchmark import run_small
from small_onnx import export

from downstream.benchmark.config import with_file
from downstream.benchmark.results import SCHEMA
from downstream.report.tables import percent

SAMPLE_DETECTOR = Path(__file__).parents[3] / "downstream/detection/sample.pt"


def shaken(path: Path) -> Path:
    """The detector of the sample scenes with weights a little off."""
    kept = torch.load(SAMPLE_DETECTOR, weights_only=False)
    torch.manual_seed(1)
    with torch.no_grad():
        for weights in kept["model"].parameters():
            weights *= 1 + 0.03 * torch.randn(weights.shape).to(weights)
    torch.save(kept, path)
    return path


@pytest.fixture(scope="module")
def given(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("networks")
    for seed, name in enumerate(("low.onnx", "high.onnx")):
        export(folder / name, (1, 3, "H", "W"), seed=seed + 1)
    detectors = [str(SAMPLE_DETECTOR), str(shaken(folder / "shaken.pt"))]
    segmenters = [str(folder / "low.onnx"), str(folder / "high.onnx")]
    return ["--detection.detector", *detectors, "--detection.image-size", "192", "--segmentation.protocol", "frozen",
            "--segmentation.segmenter", *segmenters]  # fmt: skip


@pytest.fixture(scope="module")
def several(scenes, given, finished, tmp_path_factory) -> Path:
    """The folder of a finished benchmark by two detectors and two segmenters."""
    out = tmp_path_factory.mktemp("several") / "out"
    shutil.copytree(finished / "fused", out / "fused")
    assert not run_small(scenes, out, *given, "--tensorboard").failed
    return out


@pytest.fixture(scope="module")
def results(several):
    return json.loads((several / "results.json").read_text())


@pytest.fixture
def visit(browser, several):
    with visits(ReportVisit, browser, several / "report.html") as go:
        yield go


def test_each_networks_comparison_and_the_table_over_them_are_told(several, results):
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.validate(results)
    for task, names in {"detection": ["sample", "shaken"], "segmentation": ["low", "high"]}.items():
        own = results["networks"][task]
        told = {own["first"]: results["tasks"][task], **own["others"]}
        assert list(told) == names
        for name, of in told.items():
            assert of["result"] == json.loads((several / task / name / f"{task}.json").read_text())
        assert own["over"] == json.loads((several / task / "networks.json").read_text())
        metric = results["tasks"][task]["primary"]
        for row, entry in own["over"]["inputs"].items():
            each = [of["result"]["inputs"][row][metric] for of in told.values()]
            assert len(set(each)) == 2 or each == [0, 0]
            assert entry[metric] == pytest.approx(np.mean(each), abs=1e-12)
    assert not validator.is_valid({**results, "networks": {"detection": {"first": "sample"}}})


def test_words_and_tables_go_by_the_mean_over_networks(several, results):
    said = {said["task"]: said["text"] for said in results["summary"]}
    assert "means over sample and shaken" in said["detection"]
    rows = {row["input"]: row for row in csv.DictReader((several / "tables.csv").open())}
    header = (several / "tables.md").read_text()
    for task, own in results["networks"].items():
        metric = results["tasks"][task]["primary"]
        for row, entry in own["over"]["inputs"].items():
            assert float(rows[row][f"{task}_{metric}"]) == entry[metric]
            for network, figures in entry["networks"].items():
                assert float(rows[row][f"{task}_{network}_{metric}"]) == figures[metric]
        assert f"{task.capitalize()}, mean of 2 networks" in header


def test_masks_and_exports_of_every_network_are_there(several, results):
    folder = results["networks"]["segmentation"]["others"]["high"]["mask_folder"]
    names = [picture["name"] for picture in results["pictures"]]
    assert folder == "high/"
    differing = 0
    for row in results["networks"]["segmentation"]["over"]["inputs"]:
        for name in names:
            first, other = (several / f"pictures/large/masks/{at}{row}/{name}.png" for at in ("", folder))
            differing += first.read_bytes() != other.read_bytes()
    assert differing
    samples = json.loads((several / "fiftyone/samples.json").read_text())["samples"]
    assert all({"predictions", "predictions_shaken"} <= sample.keys() for sample in samples)
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = events.EventAccumulator(str(several / "tensorboard/max")).Reload()
    assert {"detection/map50", "detection/sample/map50", "detection/shaken/map50"} <= set(read.Tags()["scalars"])


def test_the_saved_configuration_asks_for_the_same_networks(several, given):
    kept = yaml.safe_load((several / "benchmark.yaml").read_text())
    assert kept["detection"]["detector"] == given[1:3]
    assert kept["segmentation"]["segmenter"] == given[-2:]
    flags = with_file(["--config", str(several / "benchmark.yaml")])
    at = flags.index("--detection.detector")
    assert flags[at + 1 : at + 3] == given[1:3]


def test_done_again_nothing_is_done(several, scenes, given, results, caplog):
    caplog.set_level("INFO")
    run_small(scenes, several, *given, "--tensorboard")
    kept = {m.partition(":")[0] for m in caplog.messages if m.endswith("done before")}
    assert {"detection", "segmentation", "quality", "pictures"} <= kept
    after = json.loads((several / "results.json").read_text())
    assert {**after, "measured": 0} == {**results, "measured": 0}


def test_the_page_has_the_table_over_networks_and_shows_the_chosen_one(visit, results):
    page = visit().page
    over = results["networks"]["detection"]["over"]
    rows = page.locator('table[aria-label="Detection over 2 networks, per cent"] tbody tr')
    for row, entry in zip(rows.all(), over["inputs"].values(), strict=True):
        cells = [(cell.inner_text().split() or [""])[0] for cell in row.locator("td").all()]
        assert cells[0] == percent(entry["map50"])
        assert cells[-2:] == [percent(own["map50"]) for own in entry["networks"].values()]
    for network in ("shaken", "sample"):
        page.get_by_label("Detection below is by").select_option(network)
        page.get_by_role("heading", name=f"Detection by {network}").wait_for()
        figures = page.locator('#detection table[aria-label="Detection over the whole set, per cent"] tbody tr')
        own = results["networks"]["detection"]["others"].get(network, results["tasks"]["detection"])
        for row, entry in zip(figures.all(), own["result"]["inputs"].values(), strict=True):
            assert row.locator("td").first.inner_text().split()[0] == percent(entry["map"])
        assert page.evaluate("document.activeElement.value") == network


def test_the_gallery_shows_the_chosen_networks_masks(visit):
    page = visit().page
    page.get_by_label("masks", exact=True).check()
    before = page.locator('.panel[data-input="max"] .mask').get_attribute("href")
    page.get_by_label("Segmentation below is by").select_option("high")
    page.get_by_label("masks", exact=True).check()
    assert page.locator('.panel[data-input="max"] .mask').get_attribute("href") != before


def test_the_browser_computes_every_network_and_the_table_over_them_again(visit, results, tmp_path):
    page = visit().page
    page.click("#recheck-run")
    outcome = page.wait_for_selector("[data-wrong]", timeout=120_000)
    assert outcome.get_attribute("data-wrong") == "0"
    assert float(outcome.get_attribute("data-largest")) < 1e-9
    forged = json.loads(json.dumps(results))
    forged["networks"]["segmentation"]["over"]["inputs"]["max"]["miou"] += 1e-6
    forged["networks"]["detection"]["others"]["shaken"]["result"]["inputs"]["mean"]["map"] += 1e-6
    (tmp_path / "forged.json").write_text(json.dumps(forged))
    page.set_input_files("#open", tmp_path / "forged.json")
    page.get_by_text("This is forged.json").wait_for()
    page.click("#recheck-run")
    assert page.wait_for_selector("[data-wrong]", timeout=120_000).get_attribute("data-wrong") == "2"
    found = page.locator("#recheck-outcome").inner_text()
    assert "segmentation, over networks, max, miou" in found
    assert "detection, shaken, mean, map" in found


def test_a_network_that_cannot_be_used_fails_its_step_alone(scenes, several, tmp_path):
    shutil.copytree(several / "fused", tmp_path / "out/fused")
    twice = ["--detection.detector", str(SAMPLE_DETECTOR), str(SAMPLE_DETECTOR)]
    assert run_small(scenes, tmp_path / "out", *twice, "--skip", "segmentation", "cost", "grids").failed
    steps = {step["step"]: step for step in json.loads((tmp_path / "out/results.json").read_text())["steps"]}
    assert steps["detection"]["status"] == "failed"
    assert "each network once" in steps["detection"]["reason"]
    assert steps["quality"]["status"] == "done"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_fault_that_axe_finds(visit, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="faults are looked for by axe")
    page = visit(color_scheme=scheme, width=width).page
    found = axe.Axe().run(page).response["violations"]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in found] == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
