import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from downstream.datasets.cards import msrs
from downstream.detection.yolo import YoloDetector, find_model, load_model, model_identity
from dwsfusion import ImageError, InputError
from dwsfusion.images import read_image

CPU = torch.device("cpu")
BOXES = msrs().boxes


@pytest.fixture(scope="module")
def save_tiny(tmp_path_factory):
    """Writes a tiny detector with random weights, confident enough to find something, under given class names."""

    def save_tiny(names):
        torch.manual_seed(0)
        model = load_model(find_model("tiny.yaml"))
        model.model.names = dict(enumerate(names))
        for scores in model.model.model[-1].cv3:
            torch.nn.init.normal_(scores[-1].weight)
            torch.nn.init.constant_(scores[-1].bias, -2)
        path = tmp_path_factory.mktemp("tiny") / "tiny.pt"
        model.save(path)
        return path

    return save_tiny


@pytest.fixture(scope="module")
def tiny(save_tiny):
    return YoloDetector(save_tiny(("person", "bicycle", "car")), CPU, BOXES, 64)


@pytest.fixture
def pictures(tmp_path, random, save):
    shapes = {"grey": (48, 64), "colour": (48, 64, 3), "tall": (64, 40, 3)}
    return {n: save(tmp_path / f"{n}.png", random.integers(0, 256, s, np.uint8)) for n, s in shapes.items()}


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_runtime_finds_what_torch_finds(runtime, save_tiny, tiny, pictures):
    pytest.importorskip("onnxruntime" if runtime == "onnx" else "openvino")
    weights = save_tiny(("person", "bicycle", "car"))
    detector = YoloDetector(weights, CPU, BOXES, 64, runtime=runtime)
    assert list(weights.parent.iterdir()) == [weights]  # the exported file is not left beside them
    assert detector.settings["runtime"].startswith("onnxruntime " if runtime == "onnx" else "OpenVINO ")
    assert tiny.settings["runtime"] == "torch"
    assert tiny.runtime_difference is None
    assert 0 <= detector.runtime_difference <= 1e-4
    # Of random weights the boxes are next to one another, so rounding alone decides which of them stay.
    for own, theirs in zip(detector.predict(pictures.values()), tiny.predict(pictures.values()), strict=True):
        assert abs(len(own.scores) - len(theirs.scores)) <= 0.1 * len(theirs.scores)
    for size in ((64, 64), (32, 64), (96, 64)):
        pixels = torch.rand(1, 3, *size)
        found, expected = (d._model.predictor.model(pixels) for d in (detector, tiny))
        torch.testing.assert_close(found, expected[0], atol=1e-4, rtol=1e-5)
        assert not torch.equal(found, expected[0])  # it was another library that computed


def test_torch_keeps_its_threads(save_tiny, pictures):
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            detector = YoloDetector(save_tiny(("person", "bicycle", "car")), CPU, BOXES, 64)
            list(detector.predict(pictures.values()))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_boxes_are_pixels_of_the_original_picture(tiny, pictures, tmp_path):
    (found,) = tiny.predict([pictures["tall"]])
    assert len(found.scores) > 0
    assert found.boxes_xyxy.shape == (len(found.scores), 4)
    assert (found.boxes_xyxy >= 0).all()
    assert (found.boxes_xyxy[:, [0, 2]] <= 40).all()
    assert (found.boxes_xyxy[:, [1, 3]] <= 64).all()
    assert found.boxes_xyxy[:, 3].max() > 40  # not scaled to the width
    assert (np.diff(found.scores) <= 0).all()
    assert found.scores.min() >= 0.001
    assert list(Path.cwd().glob("runs")) == []


def test_a_picture_does_not_depend_on_its_neighbours(tiny, pictures):
    together = list(tiny.predict(pictures.values()))
    for path, found in zip(pictures.values(), together, strict=True):
        (alone,) = tiny.predict([path])
        assert (alone.boxes_xyxy == found.boxes_xyxy).all()
        assert (alone.scores == found.scores).all()


def test_grey_and_16_bit_enter_as_three_equal_channels(tiny, pictures, tmp_path, save):
    grey = read_image(pictures["grey"])
    (expected,) = tiny.predict([pictures["grey"]])
    same = {"rgb": np.repeat(grey[..., None], 3, axis=2), "deep": grey.astype(np.uint16) * 257}
    for name, image in same.items():
        (found,) = tiny.predict([save(tmp_path / f"{name}.png", image)])
        assert (found.boxes_xyxy == expected.boxes_xyxy).all(), name


def test_red_and_blue_are_not_swapped(tiny, pictures, tmp_path, save):
    """The network sees RGB: its own answer to the RGB tensor is the reference."""
    rgb = read_image(pictures["colour"])
    (found,) = tiny.predict([pictures["colour"]])
    square = torch.nn.functional.pad(  # as ultralytics does: 64 x 48 pixels in the middle of 64 x 64
        torch.from_numpy(rgb.copy()).permute(2, 0, 1)[None] / 255, (0, 0, 8, 8), value=114 / 255
    )
    with torch.no_grad():
        best = tiny._model.model.float().eval()(square)[0][0, 4:].max()
    assert found.scores.max() == pytest.approx(float(best), abs=1e-4)


def test_classes_are_kept_by_name(save_tiny, pictures):
    detector = YoloDetector(save_tiny(("Car", "dog", "Person")), CPU, BOXES, 64)
    assert detector.detectable == ("person", "car")
    (found,) = detector.predict([pictures["colour"]])
    (reference,) = YoloDetector(save_tiny(("person", "bicycle", "car")), CPU, BOXES, 64).predict([pictures["colour"]])
    turned = {2: 0, 0: 2}  # the same scores under exchanged names
    kept = reference.classes != 1
    assert found.classes.tolist() == [turned[c] for c in reference.classes[kept]]
    assert set(found.classes) == {0, 2}


def test_names_that_differ_in_their_case_alone_both_count(save_tiny, pictures):
    detector = YoloDetector(save_tiny(("Person", "dog", "person")), CPU, BOXES, 64)
    (found,) = detector.predict([pictures["colour"]])
    (reference,) = YoloDetector(save_tiny(("person", "bicycle", "car")), CPU, BOXES, 64).predict([pictures["colour"]])
    assert set(found.classes) == {0}
    assert len(found.classes) == sum(reference.classes != 1)


def test_a_mapping_says_what_counts_as_what(save_tiny, pictures, tmp_path):
    (tmp_path / "mine.json").write_text('{"truck": "car", "rider": "person"}')
    detector = YoloDetector(save_tiny(("Rider", "dog", "Truck")), CPU, BOXES, 64, tmp_path / "mine.json")
    assert detector.detectable == ("person", "car")
    (found,) = detector.predict([pictures["colour"]])
    (reference,) = YoloDetector(save_tiny(("person", "dog", "car")), CPU, BOXES, 64).predict([pictures["colour"]])
    np.testing.assert_array_equal(found.classes, reference.classes)
    assert detector.settings["mapping"] == {"truck": "car", "rider": "person"}
    (tmp_path / "mine.json").write_text('{"lorry": "car"}')
    with pytest.raises(InputError, match=r"mine\.json: unknown class lorry: expected some of rider, dog, truck"):
        YoloDetector(save_tiny(("Rider", "dog", "Truck")), CPU, BOXES, 64, tmp_path / "mine.json")


def test_a_detector_of_other_things_is_refused(save_tiny):
    with pytest.raises(InputError, match=r"knows cat, dog, cow"):
        YoloDetector(save_tiny(("cat", "dog", "cow")), CPU, BOXES)


def test_models_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for name, says in {
        "no/such.pt": "no such file",
        "weights.onnx": "weights.onnx",
        "no-such-model.pt": "published weights",
    }.items():
        with pytest.raises(InputError, match=says):
            find_model(name)


def test_a_file_that_is_no_model(tmp_path):
    (tmp_path / "broken.pt").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"broken\.pt"):
        YoloDetector(tmp_path / "broken.pt", CPU, BOXES)


def test_an_architecture_cannot_be_frozen():
    with pytest.raises(InputError, match="without weights"):
        YoloDetector("tiny.yaml", CPU, BOXES)


def test_an_unreadable_picture_is_named(tiny, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"broken\.png"):
        list(tiny.predict([tmp_path / "broken.png"]))


def test_identity_follows_the_bytes(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(b"1")
    first = model_identity(path)
    path.write_bytes(b"2")
    assert model_identity(path) != first
    assert model_identity(find_model("yolov8n.yaml")) != model_identity(find_model("yolov8s.yaml"))


def test_importing_does_not_load_ultralytics():
    code = "import sys, downstream.detection.yolo; sys.exit('ultralytics' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_ultralytics_changes_nothing_outside_itself(tiny):
    assert Image.open.__module__ == "PIL.Image"
    assert torch.save.__module__ == "torch.serialization"
    assert sys.modules["ultralytics.utils"].AUTOINSTALL is False
    assert sys.modules["ultralytics.utils"].SETTINGS["sync"] is False


@pytest.mark.real_data
def test_yolov8n_finds_people_and_cars_in_msrs(real_data):
    detector = YoloDetector(real_data / "weights/yolov8n.pt", CPU, BOXES)
    assert detector.detectable == ("person", "bicycle", "car")
    files = sorted((real_data / "data/MSRS/test/vi").glob("*.png"))[2:5]
    found = list(detector.predict(files))
    assert [int(f.classes[0]) for f in found] == [2, 0, 0]  # a car, a person, a person
    assert min(f.scores[0] for f in found) > 0.7
