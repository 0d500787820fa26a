"""Segmentation as a task: DeepLabv3+ on every input, IoU from summed confusion matrices.

- ``frozen``: one given network looks at every input.
- ``retrained``: every input has its own network, trained on that input.
- ``joint``: one network, trained on all inputs in equal parts, looks at every input.

Beside ``segmentation.json`` lie ``predictions/NAME/*.png`` (class ids; of further seeds in
``predictions/NAME/seedK/``) and ``confusion/NAME.npz`` (``names``, and ``matrices``, one a picture, ``(n, 9, 9)``, or
``(seeds, n, 9, 9)`` with several seeds). A prediction that is there and was made by the same network from the same
file is used.
"""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.grid_config import GridConfig, Grids
from downstream.comparison.inputs import INFRARED, LATE, VISIBLE, Comparison, Input
from downstream.comparison.plan import Place
from downstream.comparison.task import Ints, Task
from downstream.comparison.uncertainty import Estimate
from downstream.segmentation import table
from downstream.segmentation.classes import MSRS_CLASSES, Ids, check_label, hide_classes, read_label
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.confusion import Counts, confusion_matrix, read_matrices, write_matrices
from downstream.segmentation.deeplab import MEAN, STD, Segmenter
from downstream.segmentation.networks import ACCEPTED, load_segmenter
from downstream.segmentation.recipe import RECIPE
from downstream.segmentation.retraining import SegmenterJob, count_classes, make_jobs, usable_labels
from downstream.segmentation.scores import ConfusionScores
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import image_size, png_text, read_image, write_png
from dwsfusion.pairs import Skipped, images_by_stem
from dwsfusion.progress import Track
from dwsfusion.runs import hash_file, hash_text

SOURCE_KEY = "dwsfusion-source"
LATE_RULE = "the mean of the class probabilities of both cameras, then the likeliest; no picture is fused"


class SegmentationTask(Task[Mapping[str, Ids], Segmenter, Counts, ConfusionScores]):
    """What pictures are worth to a segmenter.

    Args:
        config: settled.
    """

    name, primary, suffix, classes = "segmentation", "miou", ".png", MSRS_CLASSES
    titles: ClassVar[Mapping[str, str]] = {
        "miou": "mIoU",
        "miou_foreground": "mIoU without background",
        "pixel_accuracy": "pixel accuracy",
    }
    change = "mIoU of the picture alone, less that in the best single modality; mean over seeds"
    config: SegmentationConfig

    def frozen(self, device: torch.device) -> Segmenter:
        """The given network."""
        config = self.config
        if config.segmenter is None:
            raise InputError(
                f"the protocol frozen needs a trained network: give --segmenter FILE ({ACCEPTED}) with the 9 classes "
                "of MSRS or the 19 of Cityscapes, or train one with --protocol retrained or joint"
            )
        return load_segmenter(config.segmenter, device, config.recipe().encoder, config.mapping)

    def usable_labels(
        self, train: Comparison, labels: Mapping[str, Path]
    ) -> tuple[Mapping[str, Path], Sequence[Skipped]]:
        """Those of pictures that every input can read."""
        return usable_labels(train, labels)

    def jobs(
        self, places: Sequence[Place], labels: Mapping[str, Path], out: Path, device: torch.device
    ) -> list[SegmenterJob]:
        """One training for each place of the matrix."""
        return make_jobs(places, labels, self.config.recipe(), out, device)

    def load(self, job: SegmenterJob, device: torch.device) -> Segmenter:
        """The network of a job that is done."""
        return load_segmenter(job.path, device)

    def recipe(self) -> Mapping[str, Any]:
        """How networks are trained."""
        return {**asdict(self.config.recipe()), **RECIPE}

    def train_counts(self, labels: Mapping[str, Path]) -> Mapping[str, Any]:
        """In how many train pictures every class is seen, and on how many pixels."""
        return {"classes": count_classes(labels.values())}

    def read_truth(
        self, comparison: Comparison, files: Mapping[str, Path], network: Segmenter, out: Path
    ) -> tuple[Mapping[str, Ids], Sequence[Skipped]]:
        """Reads the labels, with what the networks cannot name marked as ignored."""
        truths, skipped = {}, []
        for name, path in files.items():
            try:
                label = read_label(path)
                check_label(label, image_size(comparison.input(VISIBLE).files[name]), path)
            except ImageError as error:
                skipped.append(Skipped(name, str(error)))
            else:
                truths[name] = hide_classes(label, network.ids)
        return truths, skipped

    def predict(
        self,
        truth: Mapping[str, Ids],
        networks: Folded[Segmenter],
        item: Input,
        folder: Path,
        seed: int | None,
        track: Track,
    ) -> tuple[Mapping[str, Counts], Sequence[Skipped]]:
        """Segments an input's pictures, and counts their pixels by true and predicted class."""
        place = folder / item.name if seed is None else folder / item.name / f"seed{seed}"
        counted, skipped = {}, []
        for name in track(list(item.files), f"segment {item.name}" + ("" if seed is None else f", seed {seed}")):
            try:
                mask = predict_file(networks.of(name), (item.files[name],), place / f"{name}.png")
            except (ImageError, FileNotFoundError) as error:
                skipped.append(Skipped(name, str(error)))
            else:
                counted[name] = confusion_matrix(truth[name], mask, len(MSRS_CLASSES))
        return counted, skipped

    def predict_late(
        self,
        networks: Folded[Segmenter],
        cameras: tuple[Input, Input],
        seen: tuple[Mapping[str, Counts], Mapping[str, Counts]],
        truth: Mapping[str, Ids],
        folder: Path,
        seed: int | None,
        track: Track,
    ) -> Mapping[str, Counts]:
        """Segments by the mean of the class probabilities of both cameras."""
        place = folder / LATE if seed is None else folder / LATE / f"seed{seed}"
        infrared, visible = cameras
        counted = {}
        for name in track(list(visible.files), f"segment {LATE}" + ("" if seed is None else f", seed {seed}")):
            pair = infrared.files[name], visible.files[name]
            mask = predict_file(networks.of(name), pair, place / f"{name}.png")
            counted[name] = confusion_matrix(truth[name], mask, len(MSRS_CLASSES))
        return counted

    def score(self, truth: Mapping[str, Ids], network: Segmenter, seen: Mapping[str, Counts]) -> ConfusionScores:
        """The matrices together."""
        return ConfusionScores(np.stack(list(seen.values())))

    def entry(
        self, estimates: Mapping[str, Estimate], scores: Sequence[ConfusionScores], draws: Ints
    ) -> Mapping[str, Any]:
        """IoU by class, and the intervals of all."""
        of_class = {name: estimates[f"iou_{name}"] for name in MSRS_CLASSES}
        intervals = {name: e.interval for name, e in ({m: estimates[m] for m in self.metrics} | of_class).items()}
        return {"per_class": {name: e.value for name, e in of_class.items()}, "interval": intervals}

    def finish(
        self,
        truth: Mapping[str, Ids],
        names: Sequence[str],
        scores: Mapping[str, Sequence[ConfusionScores]],
        entries: Mapping[str, dict[str, Any]],
        draws: Ints,
        out: Path,
    ) -> None:
        """Keeps the confusion matrices."""
        for name, own in scores.items():
            write_matrices(out / "confusion" / f"{name}.npz", np.stack([s.matrices for s in own]), names)

    def protocol(
        self, networks: Networks[Segmenter], scores: Mapping[str, Sequence[ConfusionScores]]
    ) -> Mapping[str, Any]:
        """How the figures came about."""
        config, network = self.config, networks.first
        able = [name for i, name in enumerate(MSRS_CLASSES) if i in network.ids]
        identities = {n: [s.identity for f in own for s in f.networks] for n, own in networks.by_input.items()}
        frozen = config.protocol == "frozen"
        return {
            "network": network.given.kind if frozen and network.given else "DeepLabV3Plus",
            **({"segmenter": str(config.segmenter)} if frozen else {"training": networks.training}),
            **({"given": network.given.about()} if frozen and network.given else {}),
            "networks": identities,
            "normalisation": {
                "rule": "fixed: ImageNet's mean and deviation for every input",
                "mean": MEAN,
                "std": STD,
                "infrared": "three equal channels",
            },
            "measurable": able,
            "not_measurable": [name for name in MSRS_CLASSES if name not in able],
            "classes_without_truth": _absent(scores[VISIBLE][0].matrices, network.ids),
            "pictures_with_class": _pictures(scores[VISIBLE][0].matrices, network.ids),
            **({"cityscapes_to_msrs": network.mapping} if network.mapping else {}),
            "ignored": "truth of 255, outside the classes, or of a class that is not measurable",
            **({LATE: LATE_RULE} if LATE in scores else {}),
            "figures": "IoU of summed confusion matrices; a class in neither truth nor prediction is left out",
        }

    def table(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]], list[str]]:
        """One row an input, in per cent."""
        return table.title(result), table.table_rows(result), table.notes(result)

    def csv_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One row an input, fractions at full precision."""
        return table.csv_rows(result)

    @classmethod
    def reopen(cls, folder: Path, inputs: Sequence[str]) -> tuple[tuple[str, ...], dict[str, list[ConfusionScores]]]:
        """Reads the confusion matrices of a finished comparison, of every seed."""
        files = {name: folder / "confusion" / f"{name}.npz" for name in inputs}
        matrices = {name: read_matrices(path) for name, path in files.items() if path.is_file()}
        if not matrices:
            raise InputError(f"expected confusion matrices in {folder}/confusion: run compare_segmentation.py first")
        names, _ = next(iter(matrices.values()))
        return names, {name: [ConfusionScores(of_seed) for of_seed in own] for name, (_, own) in matrices.items()}

    @classmethod
    def drawable(cls, folder: Path) -> Collection[str]:
        """The pictures that have a mask."""
        masks, _ = images_by_stem(folder / "predictions" / INFRARED)
        return masks.keys()

    @classmethod
    def grids(cls, comparison: Comparison, config: GridConfig) -> Grids:
        """The masks as colour maps."""
        from downstream.segmentation.grids import SegmentationGrids  # here, for matplotlib comes with an extra

        return SegmentationGrids(comparison, config.run(), config.segmentation_labels if config.truth else None)


def predict_file(segmenter: Segmenter, pictures: tuple[Path, ...], out: Path) -> Ids:
    """Gives the class ids of a picture file, and keeps them as a PNG that says what it was made from.

    Args:
        segmenter: who looks.
        pictures: one file, or those of infrared and visible for late fusion.
        out: the PNG.

    Raises:
        ImageError: a picture is not readable.
    """
    source = hash_text(*segmenter.settings, *map(hash_file, pictures))
    if png_text(out).get(SOURCE_KEY) == source:
        with contextlib.suppress(ImageError):  # a damaged mask is made anew
            return read_label(out)
    arrays = [read_image(picture) for picture in pictures]
    ids = segmenter.predict(*arrays) if len(arrays) == 1 else segmenter.predict_late(*arrays)
    write_png(out, ids, {SOURCE_KEY: source})
    return ids


def _absent(matrices: Counts, measurable: Ids) -> list[str]:
    """Classes that no pixel of the truth has: an input is charged for them where it predicts them."""
    pixels = matrices.sum((0, 2))
    return [MSRS_CLASSES[i] for i in sorted(set(measurable.tolist())) if pixels[i] == 0]


def _pictures(matrices: Counts, measurable: Ids) -> dict[str, int]:
    """With how many pictures every measurable class is seen in the truth."""
    seen = (matrices.sum(2) > 0).sum(0)
    return {MSRS_CLASSES[i]: int(seen[i]) for i in sorted(set(measurable.tolist()))}
