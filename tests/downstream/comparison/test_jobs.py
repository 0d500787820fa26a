import logging
import os
import re
from dataclasses import replace

import pytest
import torch
from jobs_on_paper import PaperJob
from small_segmentation import CONFIG, CPU, pair_of

from downstream.comparison.jobs import pick_devices, run_jobs
from downstream.comparison.networks import make_networks
from downstream.segmentation.task import SegmentationTask
from dwsfusion.errors import InputError


def test_what_is_done_is_not_done_twice_and_the_rest_is_counted(tmp_path, caplog):
    jobs = [PaperJob(tmp_path / name) for name in "abc"]
    jobs[1].path.write_text("before")
    with caplog.at_level(logging.INFO):
        run_jobs(jobs, [CPU])
    assert jobs[1].path.read_text() == "before"
    assert jobs[2].path.read_text().startswith(str(os.getpid()))
    first, second, third = caplog.messages
    assert first == "1 of 3 networks are there already"
    assert second.startswith("trained a: 2 of 3 networks, about 0 s left")
    assert third == "trained c: 3 of 3 networks"


def test_the_first_training_tells_how_long_all_will_take(tmp_path, caplog, monkeypatch):
    """The clock moves by 10 s a look: two steps take them, so 40 take 200 s, and three networks 10 minutes."""
    clock = iter(range(0, 100000, 10))
    monkeypatch.setattr("downstream.comparison.jobs.time.monotonic", lambda: next(clock))
    seen = []

    class Steps(PaperJob):
        def train(self, device, track):
            for _ in track(range(40), self.name):
                seen.append((self.name, len(caplog.messages)))
            self.path.write_text("")

    with caplog.at_level(logging.INFO):
        run_jobs([Steps(tmp_path / name) for name in "abc"], [CPU])
    assert caplog.messages[0] == "3 networks to train, about 10 min in all"
    assert [said for name, said in seen if name == "a"] == [0, 0, *[1] * 38]
    assert sum("in all" in message for message in caplog.messages) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("fate", "says"), [("dies", "trained b on cpu died.*go on"), ("refuses", "too small a batch")])
def test_where_one_process_fails_it_is_told_at_once_and_the_others_go_on(tmp_path, monkeypatch, fate, says):
    fates = {"a": "done", "b": fate, "c": "done", "d": "done", "e": "listens"}
    monkeypatch.setattr(
        "downstream.comparison.jobs._log.error", lambda text, error: (tmp_path / "told").write_text(str(error))
    )
    jobs = [PaperJob(tmp_path / name, fate) for name, fate in fates.items()]
    with pytest.raises(InputError, match=says):
        run_jobs(jobs, [CPU, CPU])
    assert re.search(says, (tmp_path / "told").read_text())
    (tmp_path / "told").unlink()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "c", "d", "e"]
    made = {path.read_text() for path in tmp_path.iterdir()}
    assert all(text.endswith(f" {torch.get_num_threads()}") for text in made)
    assert str(os.getpid()) not in {text.split()[0] for text in made}


@pytest.mark.slow
def test_two_devices_train_the_same_as_one(split, tmp_path):
    test, train = pair_of(split("test")), pair_of(split("train"))
    for folder, devices in (("one", ()), ("two", ("cpu", "cpu"))):
        config = replace(CONFIG, devices=devices)
        make_networks(SegmentationTask(config), test, lambda: train, tmp_path / folder, seed=0, device=CPU)
    files = {folder: {p.name: p.read_bytes() for p in (tmp_path / folder).iterdir()} for folder in ("one", "two")}
    assert len(files["one"]) == 8  # networks and their losses
    assert files["one"] == files["two"]


def test_devices_are_of_one_kind():
    assert pick_devices((), CPU) == [CPU]
    assert pick_devices(("cpu", "cpu"), CPU) == [CPU, CPU]
    with pytest.raises(InputError, match="of one kind"):
        pick_devices(("cpu", "meta"), CPU)
