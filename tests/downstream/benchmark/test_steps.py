"""When a step counts as done: for the same code, data and settings, and no longer."""

import os

import pytest
from small_benchmark import small_config

from downstream.benchmark import steps
from downstream.benchmark.steps import Benchmark


@pytest.fixture
def key(scenes, tmp_path):
    """The key of a step under some flags."""

    def of(step: str, *flags: str) -> str:
        config = small_config(scenes, tmp_path / "out", *flags)
        comparison = config.comparison()
        fuser = comparison.fuser()
        benchmark = Benchmark(config, scenes, comparison.prepare(scenes, fuser, "test", lambda items, *_: items), fuser)
        return next(own for own in benchmark.steps() if own.name == step).key(())

    return of


def test_only_what_a_step_depends_on_changes_its_key(key, scenes, monkeypatch):
    before = key("detection")
    assert key("detection", "--grids.count", "2", "--tensorboard", "--segmentation.seeds", "3") == before
    assert key("detection", "--detection.resamples", "41") != before
    assert key("detection", "--seed", "1") != before
    monkeypatch.setattr(steps, "_code", lambda: "edited")
    assert key("detection") != before


def test_a_label_that_was_written_anew_is_noticed(key, scenes):
    label = next((scenes / "test/labels").iterdir())
    before, times = key("segmentation"), label.stat()
    try:
        os.utime(label, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
        assert key("segmentation") != before
    finally:
        os.utime(label, ns=(times.st_atime_ns, times.st_mtime_ns))  # the scenes are other tests' too


def test_cost_alone_depends_on_the_table_of_costs(key, tmp_path):
    before = {name: key(name) for name in ("cost", "quality")}
    table = tmp_path / "out/cost/costs.csv"
    table.parent.mkdir(parents=True)
    table.write_text("method,parameters,flops,ms\n")
    assert key("cost") != before["cost"]
    assert key("quality") == before["quality"]
