"""benchmark.yaml: read, overruled by what is typed, and saved so that it gives the same benchmark."""

from dataclasses import replace

import pytest
import tyro

from downstream.benchmark.config import Config, save, settings, with_file
from dwsfusion.errors import InputError

TEXT = """
data: data/MSRS
inputs: {ours: fused/ours, theirs: fused/theirs}
common: true
seed: 3
detection: {detector: yolov8n.pt, against: ["ours:theirs"]}
segmentation: {seeds: 2, training: {epochs: 3, crop_px: [48, 64]}}
grids: {truth: false}
"""


def parsed(*args: str) -> Config:
    return tyro.cli(Config, args=with_file(args))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "benchmark.yaml"
    path.write_text(TEXT)
    return path


def test_the_file_says_what_flags_say(file):
    config = parsed("--config", str(file))
    assert config.inputs == ("ours=fused/ours", "theirs=fused/theirs")
    assert config.common
    assert config.seed == 3
    assert config.detection.against == ("ours:theirs",)
    assert config.segmentation.training.crop_px == (48, 64)
    assert not config.grids.truth
    assert parsed(f"--config={file}") == config


def test_what_is_typed_has_the_last_word(file):
    config = parsed("--config", str(file), "--seed", "0", "--detection.detector", "other.pt", "--no-common")
    assert (config.seed, config.detection.detector, config.common) == (0, ("other.pt",), False)
    assert config.segmentation.seeds == 2


def test_what_is_saved_gives_the_same_again(file, tmp_path):
    config = parsed("--config", str(file), "--out", str(tmp_path / "out"))
    save(config)
    saved = tmp_path / "out/benchmark.yaml"
    assert parsed("--config", str(saved)) == replace(config, config=saved)


def test_where_the_results_go_is_no_setting(file, tmp_path):
    one, other = (parsed("--config", str(file), "--out", str(tmp_path / n)) for n in "ab")
    assert settings(one) == settings(other)
    assert settings(one)["detection"]["detector"] == ["yolov8n.pt"]
    assert one.comparison().fused == tmp_path / "a/fused"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"- a", "expected names with values"),
        (b"a: [", "expected YAML"),
        (b"\xff\xfe", "expected YAML"),
        ("data: Straße".encode("latin-1"), "expected YAML"),
        (b"\0", "expected YAML"),
        (b"a: !!python/object/apply:os.system ['true']", "expected YAML"),
        (b"seed: 2020-99-99", "expected YAML"),
        (b"a: &a {b: *a}", "found some within themselves"),
        (b"{" * 3000, "found some within themselves"),
    ],
)
def test_a_file_of_another_kind_is_refused(content, complaint, file):
    file.write_bytes(content)
    with pytest.raises(InputError, match=complaint):
        with_file(["--config", str(file)])


def test_a_missing_file_and_a_mistyped_setting_are_told(file, capsys):
    with pytest.raises(InputError, match="found none"):
        with_file(["--config", str(file.with_name("absent.yaml"))])
    file.write_text("detection: {detectr: x}")
    with pytest.raises(SystemExit):
        parsed("--config", str(file))
    assert "detector" in capsys.readouterr().err
