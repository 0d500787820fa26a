"""A frozen detector's loss on fused pictures: what it was trained by, over our classes, with gradients to pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from downstream.datasets.cards import msrs
from downstream.datasets.labels import Labels
from downstream.datasets.opening import open_data_set
from downstream.detection import yolo
from downstream.detection.task_loss import DetectionLoss, FrozenDetector, cut_objects, detection_loss
from downstream.sample import SampleConfig, make_sample
from dwsfusion.errors import InputError
from dwsfusion.images import vis_tensor
from dwsfusion.pairs import Pair
from dwsfusion.training import Place

CPU = torch.device("cpu")
BOXES = msrs().boxes
SAMPLE = Path(yolo.__file__).with_name("sample.pt")
PAIR = Pair("a", Path("ir/a.png"), Path("vi/a.png"))
OTHER = Pair("b", Path("ir/b.png"), Path("vi/b.png"))


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample(tmp_path_factory.mktemp("data") / "sample", SampleConfig(1, 2, 192, 256, 5))


@pytest.fixture(scope="module")
def detector() -> FrozenDetector:
    return FrozenDetector(SAMPLE, CPU, BOXES)


def labels(*rows: tuple[float, ...]) -> Labels:
    """Rows of left, top, right, bottom, class, and 1 for a crowd."""
    values = np.array(rows, np.float64).reshape(-1, 6)
    return Labels(values[:, :4], values[:, 4].astype(np.int64), values[:, 5].astype(bool))


def test_objects_are_cut_flipped_and_scaled_with_their_patch() -> None:
    whole = labels((10, 20, 30, 60, 2, 0), (90, 20, 130, 60, 0, 0), (0, 0, 9, 9, 1, 0), (10, 20, 30, 60, 0, 1))
    cut = cut_objects(whole, Place(PAIR, 10, 5, 100, 100), (200, 50))
    # The second shows 15 of its 40 columns, the third lies outside, the last is a crowd.
    assert cut.boxes_xyxy.tolist() == [[2.5, 20, 12.5, 100], [42.5, 20, 50, 100]]
    assert cut.classes.tolist() == [2, 0]
    flipped = cut_objects(whole, Place(PAIR, 10, 5, 100, 100, flipped=True), (100, 100))
    assert flipped.boxes_xyxy.tolist() == [[75, 10, 95, 50], [0, 10, 15, 50]]
    assert not len(cut_objects(whole, Place(PAIR, 0, 0, 100, 100), (10, 10)).classes)  # under 3 pixels
    assert cut_objects(labels(), Place(PAIR, 0, 0, 50, 50), (50, 50)).boxes_xyxy.shape == (0, 4)


def test_the_loss_is_ultralytics_own_where_all_classes_are_ours(detector: FrozenDetector) -> None:
    yolo.library_version()  # ultralytics comes through its door, or it puts its own functions in place of others'
    from ultralytics import YOLO
    from ultralytics.cfg import get_cfg

    pictures = torch.rand(2, 3, 96, 128)
    objects = [labels((10, 20, 40, 80, 2, 0), (60, 30, 70, 60, 0, 0)), labels((0, 0, 64, 48, 1, 0))]
    net = YOLO(str(SAMPLE)).model.float().eval()
    net.args = get_cfg()
    batch = {
        "batch_idx": torch.tensor([0.0, 0, 1]),
        "cls": torch.tensor([2.0, 0, 1]),
        "bboxes": torch.tensor([[25 / 128, 50 / 96, 30 / 128, 60 / 96], [65 / 128, 45 / 96, 10 / 128, 30 / 96],
                                [0.25, 0.25, 0.5, 0.5]]),
    }  # fmt: skip
    parts, _ = net.init_criterion()(net(pictures), batch)
    assert detector(pictures, objects).item() == pytest.approx(parts.sum().item() / 2, rel=1e-5)


def test_what_is_there_costs_less_than_what_is_not(scenes: Path, detector: FrozenDetector) -> None:
    """On a drawn scene the true objects fit what the detector sees, objects elsewhere do not."""
    data, pairs = open_data_set(scenes, "test", None, scenes)
    task = detection_loss([(data, pairs.pairs)], [SAMPLE], "labels", CPU)
    assert set(task.labelled) == set(pairs.pairs)
    for pair in pairs.pairs:
        picture = vis_tensor(pair.read()[1])
        objects = task._labels[pair]
        if not len(objects.classes):
            continue
        elsewhere = Labels(objects.boxes_xyxy * 0.2, (objects.classes + 1) % 3)
        moved = DetectionLoss([detector], {pair: elsewhere})
        assert task.measure(picture, pair) < moved.measure(picture, pair)


def test_gradients_reach_pictures_and_nothing_of_the_detector(detector: FrozenDetector) -> None:
    pictures = torch.rand(2, 3, 64, 64, requires_grad=True)
    before = {name: tensor.clone() for name, tensor in detector.network.state_dict().items()}
    task = DetectionLoss([detector], {PAIR: labels((8, 8, 40, 40, 0, 0)), OTHER: labels()})
    task(pictures, [Place(PAIR, 0, 0, 64, 64), Place(OTHER, 0, 0, 64, 64)], 0).backward()
    assert (pictures.grad.flatten(1).abs().sum(1) > 0).all()  # type: ignore[union-attr]
    assert all(p.grad is None and not p.requires_grad for p in detector.network.parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in detector.network.state_dict().items())
    norms = [m for m in detector.network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(m.training for m in norms)


def test_classes_that_are_not_ours_do_not_count(detector: FrozenDetector) -> None:
    """What the detector takes for a class that the data set lacks is nothing that a picture should hide."""
    only_cars = FrozenDetector(SAMPLE, CPU, BOXES)
    only_cars._ids, only_cars._known = {2: 2}, [2]
    pictures, objects = torch.rand(1, 3, 64, 64), [labels((8, 8, 40, 40, 2, 0), (8, 30, 40, 60, 0, 0))]
    without_person = [labels((8, 8, 40, 40, 2, 0))]
    assert torch.equal(only_cars(pictures, objects), only_cars(pictures, without_person))
    assert not torch.equal(detector(pictures, objects), detector(pictures, without_person))


def test_detectors_take_turns_and_are_measured_together(detector: FrozenDetector) -> None:
    class Constant:
        def __init__(self, value: float) -> None:
            self.value, self.identity = value, str(value)

        def __call__(self, pictures: torch.Tensor, objects: object) -> torch.Tensor:
            return torch.tensor(self.value)

    task = DetectionLoss([Constant(1.0), Constant(3.0)], {PAIR: labels()})  # type: ignore[list-item]
    places = [Place(PAIR, 0, 0, 64, 64)]
    assert [task(torch.rand(1, 3, 64, 64), places, step).item() for step in range(4)] == [1, 3, 1, 3]
    assert task.measure(torch.rand(1, 3, 64, 64), PAIR) == 2
    identities = [
        DetectionLoss(own, known).identity
        for own in ([detector], [detector, detector])
        for known in ({PAIR: labels()}, {PAIR: labels((0, 0, 9, 9, 0, 0))}, {PAIR: labels((0, 0, 9, 9, 1, 0))})
    ]
    assert len(set(identities)) == 6


def test_whole_pictures_of_any_size_are_measured(detector: FrozenDetector) -> None:
    task = DetectionLoss([detector], {PAIR: labels((8, 8, 40, 40, 0, 0))})
    grey = torch.full((1, 3, 96, 96), 114 / 255)
    grey[:, :, :70, :90] = torch.rand(1, 3, 70, 90)
    assert task.measure(grey[:, :, :70, :90], PAIR) == pytest.approx(task.measure(grey, PAIR), rel=1e-5)


def test_what_cannot_work_is_refused(scenes: Path, tmp_path: Path) -> None:
    data, pairs = open_data_set(scenes, "test", None, tmp_path)
    source = [(data, pairs.pairs)]
    with pytest.raises(InputError, match="give weights with --detector"):
        detection_loss(source, [], None, CPU)
    with pytest.raises(InputError, match="expected pairs with boxes of the same classes, found none"):
        detection_loss(source, [SAMPLE], "no_such_labels", CPU)
    with pytest.raises(InputError, match="found no such file"):
        detection_loss(source, [tmp_path / "none.pt"], None, CPU)
