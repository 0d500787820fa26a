import json

import pytest

from downstream.detection.task import DetectionTask
from downstream.quality.costs import complete_costs, measure_networks, read_costs, write_tradeoff
from downstream.report.tradeoff import FREE, Cost, Worth, draw_tradeoff
from dwsfusion import Fuser, InputError
from dwsfusion.baselines import BASELINES
from dwsfusion.generator import RELEASED, Generator

HEADER = "method,parameters,flops,ms\n"


@pytest.fixture
def finished(tmp_path):
    """A finished detection comparison."""
    inputs = {
        name: {"map50": value, "interval": {"map50": [value - 0.05, value + 0.05]}}
        for name, value in {"infrared": 0.5, "visible": 0.4, "max": 0.6, "dwsfusion": 0.62, "other": 0.58}.items()
    }
    (tmp_path / "det").mkdir()
    (tmp_path / "det/detection.json").write_text(json.dumps({"inputs": inputs}))
    return tmp_path / "det"


def test_the_table_is_made_and_what_the_user_wrote_stays(tmp_path):
    path = tmp_path / "costs.csv"
    known = {"dwsfusion": Cost(parameters=9035)}
    complete_costs(path, ["dwsfusion", "other"], known)
    assert path.read_text() == HEADER + "dwsfusion,9035,,\nother,,,\n"
    path.write_text(HEADER + "dwsfusion,9000,,\nother,74193,1e9,\nabsent,5,,\n")
    table = complete_costs(path, ["dwsfusion", "other", "third"], known)
    assert table["dwsfusion"].parameters == 9000
    assert table["other"] == Cost(74193, 1e9)
    assert set(read_costs(path)) == {"dwsfusion", "other", "absent", "third"}


@pytest.mark.parametrize(
    ("text", "message"),
    [("method,ms\nx,1\n", "parameters"), (HEADER + "x,many,,\n", "number"), (HEADER + "x,-1,,\n", "0 or more")],
)
def test_a_malformed_table_is_refused(tmp_path, text, message):
    path = tmp_path / "costs.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_costs(path)


def test_a_panel_shows_what_costs_as_points_and_what_is_free_as_lines():
    worth = {
        "mAP50": {n: Worth(v, (v - 0.1, v + 0.1)) for n, v in {"max": 0.6, "dwsfusion": 0.7, "other": 0.5}.items()}
    }
    costs = {"dwsfusion": Cost(9035), "other": Cost(74193), "unknown": Cost()}
    figure = draw_tradeoff(costs, worth, "parameters")
    (panel,) = figure.axes
    assert panel.get_xscale() == "log"
    assert panel.get_ylabel() == "mAP50"
    labels = panel.get_legend_handles_labels()[1]
    assert sorted(labels) == ["dwsfusion", "max", "other"]
    points = {c.get_label(): c.lines[0].get_xydata().tolist() for c in panel.containers}
    assert points == {"dwsfusion": [[9035, 70]], "other": [[74193, 50]]}
    line = next(x for x in panel.lines if x.get_label() == "max")
    assert set(line.get_ydata()) == {60}


def test_files(tmp_path, finished):
    costs = tmp_path / "costs.csv"
    costs.write_text(HEADER + "other,74193,,\n")
    names = ["infrared", "visible", "max", "dwsfusion", "other"]
    known = {"dwsfusion": Cost(parameters=9035)}
    write_tradeoff(costs, {DetectionTask: finished}, names, known, tmp_path / "out")
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"tradeoff.png", "tradeoff.pdf"}
    with pytest.raises(InputError, match=r"compare_detection\.py"):
        write_tradeoff(costs, {DetectionTask: tmp_path}, names, known, tmp_path / "out")


def test_all_networks_of_ours_are_measured_and_all_rules_are_free():
    fuser = Fuser(Generator(RELEASED), "dwsfusion", "fixed", "cpu")
    known = measure_networks(fuser, ["infrared", "max", "dwsfusion", "dwsfusion-task", "theirs"], (32, 48))
    assert {name: cost.parameters for name, cost in known.items()} == {"dwsfusion": 9035, "dwsfusion-task": 9165}
    assert all(cost.ms for cost in known.values())
    assert measure_networks(fuser, ["dwsfusion"], (32, 48)).keys() == {"dwsfusion"}
    assert FREE.keys() >= BASELINES.keys()
