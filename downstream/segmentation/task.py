"""Segmentation as a task: DeepLabv3+ on every input, IoU from summed confusion matrices.

- ``frozen``: one given network looks at every input.
- ``retrained``: every input has its own network, trained on that input.
- ``joint``: one network, trained on all inputs in equal parts, looks at every input.

Beside ``segmentation.json`` lie ``predictions/NAME/*.png`` (class ids; of further seeds in
``predictions/NAME/seedK/``) and ``confusion/NAME.npz`` (``names``, and ``matrices``, one a picture, ``(n, 9, 9)``, or
``(seeds, n, 9, 9)`` with several seeds). A prediction that is there and was made by the same network from the same
file is used.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.finished import read_json
from downstream.comparison.grid_config import GridConfig, Grids
from downstream.comparison.inputs import INFRARED, LATE, VISIBLE, Comparison, Input, label_files
from downstream.comparison.named_files import given_files, parse_named
from downstream.comparison.plan import Place
from downstream.comparison.runtimes import said_of
from downstream.comparison.scores import Ints
from downstream.comparison.task import Task
from downstream.comparison.uncertainty import Estimate
from downstream.datasets.card import Card, Ids
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.datasets.masks import check_size, read_mask
from downstream.segmentation import table
from downstream.segmentation.classes import hide_classes
from downstream.segmentation.config import SegmentationConfig
from downstream.segmentation.confusion import Counts, confusion_matrix, read_matrices, write_matrices
from downstream.segmentation.deeplab import MEAN, STD, DeepLabConfig, Segmenter, build_deeplab
from downstream.segmentation.mask_files import mask_pattern, masks_of
from downstream.segmentation.networks import ACCEPTED, load_segmenter
from downstream.segmentation.predictions import predict_file, read_given
from downstream.segmentation.recipe import RECIPE
from downstream.segmentation.retraining import SegmenterJob, count_classes, make_jobs, usable_labels
from downstream.segmentation.scores import ConfusionScores
from dwsfusion.errors import ImageError, InputError
from dwsfusion.images import image_size
from dwsfusion.pairs import Skipped, images_by_stem
from dwsfusion.progress import Track

LATE_RULE = "the mean of the class probabilities of both cameras, then the likeliest; no picture is fused"


class SegmentationTask(Task[Mapping[str, Ids], Segmenter, Counts, ConfusionScores]):
    """What pictures are worth to a segmenter.

    Args:
        config: settled.
        card: of the data set; without it MSRS's.
    """

    name, primary = "segmentation", "miou"
    by_objects = False
    titles: ClassVar[Mapping[str, str]] = {
        "miou": "mIoU",
        "miou_foreground": "mIoU without background",
        "pixel_accuracy": "pixel accuracy",
    }
    change = "mIoU of the picture alone, less that in the best single modality; mean over seeds"
    config: SegmentationConfig

    def __init__(self, config: SegmentationConfig, card: Card | None = None) -> None:
        super().__init__(config)
        self.card = card or msrs()
        if self.card.masks is None:
            raise InputError(f"the card of {self.card.name} has no masks: there is nothing to segment")
        self.masks, self.classes = self.card.masks, self.card.masks.names

    def frozen(self, device: torch.device) -> Segmenter:
        """The given network."""
        config = self.config
        if not config.segmenter:
            raise InputError(
                f"the protocol frozen needs a trained network: give --segmenter FILE ({ACCEPTED}) with the data "
                "set's classes or the 19 of Cityscapes, or train one with --protocol retrained or joint"
            )
        encoder = config.recipe().encoder
        return load_segmenter(config.segmenter[0], device, self.masks, encoder, config.mapping, config.runtime)

    def label_name(self, data: DataSet) -> str:
        """The folder of the masks."""
        return data.folder(mask_pattern(self.masks, self.config.labels)).name

    def check_start(self, device: torch.device) -> Segmenter | None:
        """The given network; or builds the one to be trained, and throws it away."""
        if self.config.protocol == "frozen":
            return self.frozen(device)
        recipe = self.config.recipe()
        with torch.random.fork_rng(devices=[]):
            build_deeplab(
                DeepLabConfig(len(self.classes), recipe.encoder, recipe.decoder_channels), recipe.encoder_weights
            )
        return None

    def labels(self, comparison: Comparison) -> Mapping[str, Path]:
        """The files of the masks."""
        return label_files(comparison, mask_pattern(self.masks, self.config.labels))

    def usable_labels(
        self, train: Comparison, labels: Mapping[str, Path]
    ) -> tuple[Mapping[str, Path], Sequence[Skipped]]:
        """Those of pictures that every input can read."""
        return usable_labels(train, labels, self.masks)

    def jobs(
        self, places: Sequence[Place], labels: Mapping[str, Path], out: Path, device: torch.device
    ) -> list[SegmenterJob]:
        """One training for each place of the matrix."""
        return make_jobs(places, labels, self.masks, self.config.recipe(), out, device)

    def load(self, job: SegmenterJob, device: torch.device) -> Segmenter:
        """The network of a job that is done."""
        return load_segmenter(job.path, device, self.masks, runtime=self.config.runtime)

    def recipe(self) -> Mapping[str, Any]:
        """How networks are trained."""
        return {**asdict(self.config.recipe()), **RECIPE}

    def train_counts(self, labels: Mapping[str, Path]) -> Mapping[str, Any]:
        """In how many train pictures every class is seen, and on how many pixels."""
        return {"classes": count_classes(labels.values(), self.masks)}

    def read_truth(
        self, comparison: Comparison, labels: Mapping[str, Path], network: Segmenter, out: Path
    ) -> tuple[Mapping[str, Ids], Sequence[Skipped]]:
        """Reads the labels, with what the networks cannot name marked as ignored."""
        truths, skipped = {}, []
        for name, path in labels.items():
            try:
                label = read_mask(path, self.masks)
                check_size(label, image_size(comparison.input(VISIBLE).files[name]), path)
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
                mask = predict_file(networks.of(name), (item.files[name],), self.masks, place / f"{name}.png")
            except (ImageError, FileNotFoundError) as error:
                skipped.append(Skipped(name, str(error)))
            else:
                counted[name] = confusion_matrix(truth[name], mask, len(self.classes))
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
            mask = predict_file(networks.of(name), pair, self.masks, place / f"{name}.png")
            counted[name] = confusion_matrix(truth[name], mask, len(self.classes))
        return counted

    def row_names(self, taken: Collection[str]) -> tuple[str, ...]:
        """Of the folders of masks that were given."""
        return tuple(parse_named(self.config.masks, taken))

    def read_rows(
        self, truth: Mapping[str, Ids], comparison: Comparison, folder: Path
    ) -> Mapping[str, Mapping[str, Counts]]:
        """Reads the folders of masks that were given."""
        pictures, rows = comparison.input(VISIBLE).files, {}
        for row, given in parse_named(self.config.masks, ()).items():
            seen = read_given(given, pictures, self.masks, folder / row)
            rows[row] = {name: confusion_matrix(truth[name], seen[name], len(self.classes)) for name in truth}
        return rows

    def score(self, truth: Mapping[str, Ids], network: Segmenter, seen: Mapping[str, Counts]) -> ConfusionScores:
        """The matrices together."""
        return ConfusionScores(np.stack(list(seen.values())), self.classes)

    def support(self, scores: ConfusionScores) -> Mapping[str, int]:
        """How many pictures hold a class."""
        shown = (scores.matrices.sum(2) > 0).sum(0)
        return {f"iou_{name}": int(count) for name, count in zip(self.classes, shown, strict=True)}

    def entry(
        self, estimates: Mapping[str, Estimate], scores: Sequence[ConfusionScores], draws: Ints
    ) -> Mapping[str, Any]:
        """IoU by class, and the intervals of all."""
        of_class = {name: estimates[f"iou_{name}"] for name in self.classes}
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
        able = [name for i, name in enumerate(self.classes) if i in network.ids]
        identities = {n: [s.identity for f in own for s in f.networks] for n, own in networks.by_input.items()}
        frozen, knows = config.protocol == "frozen", "Cityscapes" if network.mapping else self.card.name
        return {
            "network": network.given.kind if frozen and network.given else "DeepLabV3Plus",
            **({"segmenter": " ".join(map(str, config.segmenter))} if frozen else {"training": networks.training}),
            **({"given": {**network.given.about(), "classes": knows}} if frozen and network.given else {}),
            "networks": identities,
            "runtime": network.runtime,
            **said_of(s.runtime_difference for own in networks.by_input.values() for f in own for s in f.networks),
            "normalisation": {
                "rule": "fixed: ImageNet's mean and deviation for every input",
                "mean": MEAN,
                "std": STD,
                "infrared": "three equal channels",
            },
            "measurable": able,
            "not_measurable": [name for name in self.classes if name not in able],
            "classes_without_truth": scores[VISIBLE][0].absent(network.ids),
            "pictures_with_class": scores[VISIBLE][0].pictures(network.ids),
            **({"cityscapes_mapping": network.mapping} if network.mapping else {}),
            "ignored": "truth of 255, outside the classes, or of a class that is not measurable",
            **({LATE: LATE_RULE} if LATE in scores else {}),
            **given_files(self.config.masks),
            "figures": "IoU of summed confusion matrices; a class in neither truth nor prediction is left out",
        }

    def table(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]], list[str]]:
        """One row an input, in per cent."""
        return table.TITLE, table.table_rows(result), table.notes(result)

    def details(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]]]:
        """Classes and groups."""
        return table.DETAILS, table.detail_rows(result)

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
        classes = read_json(folder / "segmentation.json")["classes"]
        return names, {
            name: [ConfusionScores(of_seed, classes) for of_seed in own] for name, (_, own) in matrices.items()
        }

    @classmethod
    def drawable(cls, folder: Path) -> Collection[str]:
        """The pictures that have a mask."""
        masks, _ = images_by_stem(folder / "predictions" / INFRARED)
        return masks.keys()

    @classmethod
    def grids(cls, comparison: Comparison, config: GridConfig) -> Grids:
        """The masks as colour maps."""
        from downstream.segmentation.grids import SegmentationGrids  # here, for matplotlib comes with an extra

        masks = masks_of(comparison.data)
        pattern = mask_pattern(masks, config.segmentation_labels)
        labels = comparison.data.files(pattern, comparison.names) if config.truth else {}
        return SegmentationGrids(comparison, config.run(), masks, labels)
