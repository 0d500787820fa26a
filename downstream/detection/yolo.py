"""The door to ultralytics: the only file that imports it.

ultralytics is AGPL-3.0, installs packages and reports usage unless told not to; both are turned off here. It
is imported when a detector is first asked for, not before.
"""

import functools
import importlib
import logging
import os
import pickle
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from downstream.comparison.prefetch import read_ahead
from downstream.comparison.runtimes import Runtime, Session, check_runtime, difference_of, noise, open_session, short
from downstream.datasets.card import Boxes
from downstream.detection import model_files
from downstream.detection.class_ids import class_ids
from downstream.detection.coco import Detections
from downstream.detection.threads import cores, threads_kept
from dwsfusion.errors import InputError
from dwsfusion.images import Array, read_image, rgb_array
from dwsfusion.runs import hash_file, hash_text

Loss = Callable[[Mapping[str, Any], Mapping[str, Tensor]], tuple[Tensor, Any]]
MIN_CONFIDENCE = 0.001
NMS_IOU = 0.7
MAX_DETECTIONS = 300
_TRIAL_PX = 128
_log = logging.getLogger(__name__)


class YoloDetector:
    """Any detector that ultralytics runs (YOLO of all versions, RT-DETR), asked for the classes of a data set.

    Classes are kept by name, whatever their numbers and the case of their letters. Pictures go through one at a time,
    so what is found in one depends on no other; the next one is read while the detector computes.

    Args:
        model: a weights file, or the name of published weights such as ``yolov5su.pt``, downloaded on first
            use.
        device: where to compute.
        boxes: the classes of the data set, and which of a detector's count as them.
        image_size: the longer side in pixels that pictures are scaled to.
        mapping: a file that says otherwise which of its classes count as which of ours.
        runtime: who computes the network; what comes before and behind it is ultralytics' own.

    Raises:
        InputError: there is no such model, it knows none of the classes, the mapping does not fit, or the runtime is
            not here or gives another output.
    """

    def __init__(
        self,
        model: str | Path,
        device: torch.device,
        boxes: Boxes,
        image_size: int = 640,
        mapping: Path | None = None,
        runtime: Runtime = "torch",
    ) -> None:
        check_runtime(runtime, device)
        self.file = find_model(model)
        self.identity = model_identity(self.file)
        self.device = device
        self.image_size = image_size
        self.seconds = 0.0
        if self.file.suffix == ".yaml":
            raise InputError(f"{self.file.name} is an architecture without weights: train it with --protocol joint")
        self._model = load_model(self.file)
        names = {int(i): str(name) for i, name in self._model.names.items()}
        self._ids = class_ids(names, boxes, mapping, self.file)
        self.mapping = {names[i].lower(): boxes.names[position] for i, position in self._ids.items()}
        self.detectable = tuple(name for name in boxes.names if name in self.mapping.values())
        self._runtime, self.runtime_difference = "torch", None
        # Makes the predictor, and ultralytics takes one of the cores away from torch, for the first picture alone.
        self._found(np.zeros((_TRIAL_PX, _TRIAL_PX, 3), np.uint8))
        if runtime != "torch":
            self._runtime, self.runtime_difference = self._compute_by(runtime)

    @property
    def settings(self) -> dict[str, Any]:
        """All that a prediction depends on besides the picture."""
        return {
            "detector": self.file.name,
            "detector_sha256": self.identity,
            "mapping": self.mapping,
            "image_size_px": self.image_size,
            "min_confidence": MIN_CONFIDENCE,
            "nms_iou": NMS_IOU,
            "max_detections": MAX_DETECTIONS,
            "labels_a_box": 1,
            "test_time_augmentation": False,
            "precision": "float32",
            "runtime": self._runtime,
            "device": self.device.type,
            "ultralytics": library_version(),
        }

    def predict(self, files: Iterable[Path]) -> Iterator[Detections]:
        """Finds the objects in pictures, one after the other; grey pictures enter as three equal channels.

        Raises:
            ImageError: a picture is unreadable.
        """
        for bgr in read_ahead(files, _read_bgr):
            start = time.perf_counter()
            result = self._found(bgr)
            found = result.boxes.cpu().numpy()
            self.seconds += time.perf_counter() - start
            classes = np.array([self._ids[int(i)] for i in found.cls], dtype=np.int64)
            yield Detections(found.xyxy.astype(np.float64), classes, found.conf.astype(np.float64))

    def _found(self, bgr: Array) -> Any:
        with threads_kept():
            # As many whatever the caller may use, for their number changes the last digit. What a runtime leaves to
            # torch is little, and its threads would stand in the runtime's way.
            torch.set_num_threads(cores() if self._runtime == "torch" else 1)
            (result,) = self._model.predict(
                bgr,
                conf=MIN_CONFIDENCE,
                iou=NMS_IOU,
                max_det=MAX_DETECTIONS,
                classes=list(self._ids),
                imgsz=self.image_size,
                device=str(self.device),
                augment=False,
                save=False,
                verbose=False,
            )
        return result

    def _compute_by(self, runtime: Runtime) -> tuple[str, float]:
        """Puts a runtime in the place of the network; gives its version and its largest difference on a trial."""
        network, session = self._model.predictor.model, _exported(self.file, runtime)
        trial = noise(1, 3, _TRIAL_PX, _TRIAL_PX)
        with torch.inference_mode():
            expected = network(trial)
        expected = expected[0] if isinstance(expected, (tuple, list)) else expected

        def compute(pixels: Tensor, *_rest: Any, **_named: Any) -> Tensor:
            return torch.from_numpy(session(pixels.contiguous().numpy()))

        network.forward = compute
        return session.version, difference_of(compute(trial), expected)


def load_with_loss(file: Path, classes: int, device: torch.device) -> tuple[nn.Module, dict[int, str], Loss]:
    """Loads a detector, frozen, and the loss that detectors of its kind are trained by.

    Args:
        file: its weights.
        classes: how many the loss shall know; what the network gives of others is cut away by the caller.
        device: where to compute.

    Returns:
        The network, which gives ``boxes``, ``scores`` ``(B, C, A)`` and ``feats`` for RGB ``(B, 3, H, W)`` in [0, 1] of
        sides that are multiples of 32; the names of its C classes; and the loss of that and of ``batch_idx``, ``cls``
        and ``bboxes`` (centre, width, height in fractions): three parts, times B.

    Raises:
        InputError: it is no detector, or one that is trained by another loss.
    """
    _ultralytics()
    from ultralytics.cfg import get_cfg
    from ultralytics.utils.loss import v8DetectionLoss

    network = load_model(file).model.float().to(device).eval().requires_grad_(False)
    network.args = get_cfg()  # the weights of the loss's parts, which a file need not hold
    if type(network.init_criterion()) is not v8DetectionLoss:
        raise InputError(f"expected a detector of the kind of YOLOv8 (v5u, v8, v9, v11, v12) at {file}: choose another")
    network.model[-1].training = True  # it gives what the loss takes, and holds no norm of its own
    loss = v8DetectionLoss(network)
    loss.nc = loss.assigner.num_classes = classes
    return network, {int(i): str(name) for i, name in network.names.items()}, loss


def find_model(model: str | Path) -> Path:
    """Finds a model; see `downstream.detection.model_files`. Published weights are downloaded on first use."""
    return model_files.find_model(model, _download)


def check_model(model: str | Path) -> None:
    """Sees to it that a training can start from a model.

    Raises:
        InputError: it is not there, or no detector.
    """
    load_model(find_model(model))


def model_identity(file: Path) -> str:
    """A hash that changes with the weights or the architecture."""
    return hash_file(file) if file.is_file() else hash_text(file.name, library_version())


def library_version() -> str:
    """The version of ultralytics."""
    return str(_ultralytics().__version__)


def _exported(file: Path, runtime: Runtime) -> Session:
    """A detector for pictures of any size in a runtime, exported by ultralytics itself."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / file.name  # the file is written beside its weights
        shutil.copyfile(file, copy)
        try:
            with threads_kept(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of sizes that decide, and of the older exporter
                exported = load_model(copy).export(
                    format="onnx", dynamic=True, simplify=False, device="cpu", verbose=False
                )
        except (RuntimeError, ValueError, TypeError, LookupError, AttributeError, ImportError, AssertionError) as error:
            raise InputError(f"{file.name} cannot be exported: {short(error)}: leave out --runtime") from error
        return open_session(Path(exported), runtime, file.name)


def _read_bgr(path: Path) -> Array:
    return np.ascontiguousarray(rgb_array(read_image(path))[..., ::-1])


def strip_weights(weights: Path) -> None:
    """Leaves the averaged weights in half precision, as published models are, and no path of this machine."""
    _ultralytics()
    from ultralytics.utils.torch_utils import strip_optimizer

    strip_optimizer(weights)
    kept = torch.load(weights, map_location="cpu", weights_only=False)  # our own file: it holds the model's class
    told = {name: kept["train_args"][name] for name in ("task", "imgsz", "epochs", "batch", "seed", "optimizer", "lr0")}
    kept["model"].args, kept["train_args"] = told, told
    kept["model"].yaml["yaml_file"] = Path(kept["model"].yaml["yaml_file"]).name
    torch.save(kept, weights)


def _download(file: Path) -> Path:
    _ultralytics()
    from ultralytics.utils.downloads import attempt_download_asset

    file.parent.mkdir(parents=True, exist_ok=True)
    _log.info("downloading %s to %s", file.name, file.parent)
    reason: Exception | None = None
    try:
        attempt_download_asset(file)
    except (OSError, RuntimeError, ValueError) as error:
        reason = error
    if reason or not file.is_file():
        raise InputError(
            f"expected the detector {file.name} here or as published weights, found neither: "
            "check its name and the network, or fetch it yourself and give its path with --detector"
        ) from reason
    return file


def load_model(file: Path) -> Any:
    """Builds whatever model the file holds; ultralytics tells RT-DETR's weights from YOLO's, but not architectures.

    Raises:
        InputError: it cannot be loaded, or is no detector of upright boxes.
    """
    architecture = file.suffix == ".yaml" and "rtdetr" in file.name
    try:
        model = (_ultralytics().RTDETR if architecture else _ultralytics().YOLO)(str(file))
    except (OSError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, ImportError, EOFError,
            pickle.UnpicklingError) as error:  # fmt: skip
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"expected a detector that ultralytics can load at {file}, found: {reason}") from error
    if model.task != "detect":
        raise InputError(
            f"expected a detector of upright boxes at {file}, found a model for {model.task}: choose another"
        )
    return model


@functools.cache
def _ultralytics() -> ModuleType:
    """Imports ultralytics without what it would do to the rest of the program."""
    os.environ["YOLO_AUTOINSTALL"] = "false"
    os.environ["ULTRALYTICS_SAFE_LOAD"] = "1"  # weights, and none of the code that a pickle can hold
    os.environ.setdefault("YOLO_VERBOSE", "false")
    kept = Image.open, torch.save
    ultralytics = importlib.import_module("ultralytics")
    tasks: Any = importlib.import_module("ultralytics.nn.tasks")
    tasks.SAFE_LOAD = True  # where somebody else imported it before, who asked for no safety
    Image.open, torch.save = kept  # it puts its own in their place
    ultralytics.settings.update(sync=False)
    return ultralytics
