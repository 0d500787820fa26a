"""Detection as a task: YOLO on every input, COCO's average precision, and which objects each input shows.

- ``frozen``: one given detector looks at every input.
- ``retrained``: every input has its own detector, trained on that input.
- ``joint``: one detector, trained on all inputs in equal parts, looks at every input.

Beside ``detection.json`` lie ``ground_truth.json``, ``predictions/NAME.json`` (COCO's forms; of further seeds
``predictions/seedK/NAME.json``), ``objects.json`` and ``complementarity.json``. Predictions that are there
and fit are used.
"""

import importlib.metadata
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

import torch

from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.estimates import intervals, plain
from downstream.comparison.finished import read_json
from downstream.comparison.grid_config import GridConfig, Grids
from downstream.comparison.inputs import LATE, VISIBLE, Comparison, Input
from downstream.comparison.named_files import given_files, parse_named
from downstream.comparison.plan import Place
from downstream.comparison.runtimes import said_of
from downstream.comparison.scores import Ints
from downstream.comparison.task import Task
from downstream.comparison.uncertainty import Estimate
from downstream.datasets.card import Card
from downstream.datasets.cards import msrs
from downstream.datasets.data_set import DataSet
from downstream.datasets.labels import Labels
from downstream.detection import table
from downstream.detection.average_precision import MAX_DETECTIONS, SIZES
from downstream.detection.coco import Results
from downstream.detection.complementarity import MIN_IOU, add_complementarity
from downstream.detection.config import DetectionConfig
from downstream.detection.diagnosis import add_diagnosis
from downstream.detection.given_predictions import read_given
from downstream.detection.label_sets import label_set_name, read_labelled
from downstream.detection.label_sources import add_label_sources
from downstream.detection.late import RULE, pool_detections
from downstream.detection.objects import Objects, read_objects
from downstream.detection.predictions import Detector, predict_input, settings_of
from downstream.detection.scores import DetectionScores
from downstream.detection.training import RECIPE, DetectorJob, make_jobs
from downstream.detection.yolo import YoloDetector, check_model
from dwsfusion.errors import InputError
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import write_json

_log = logging.getLogger(__name__)


class DetectionTask(Task[Objects, Detector, Results, DetectionScores]):
    """What pictures are worth to a detector.

    Args:
        config: settled.
        card: of the data set; without it MSRS's.
    """

    name, primary, trained = "detection", "map50", "training"
    titles: ClassVar[Mapping[str, str]] = {"map": "mAP", "map50": "mAP50"}
    change = "objects won less objects lost, at each input's confidence of best F1 on the other half of the pictures"
    config: DetectionConfig

    def __init__(self, config: DetectionConfig, card: Card | None = None) -> None:
        super().__init__(config)
        card = card or msrs()
        if card.boxes is None:
            raise InputError(f"the card of {card.name} has no boxes: there is nothing to detect")
        self.boxes, self.classes = card.boxes, card.boxes.names

    def frozen(self, device: torch.device) -> Detector:
        """The given detector."""
        config = self.config
        size = config.budget().image_size
        return YoloDetector(config.detector[0], device, self.boxes, size, config.mapping, config.runtime)

    def label_name(self, data: DataSet) -> str:
        """The label set's name in the card."""
        return label_set_name(data, self.config.labels)

    def check_start(self, device: torch.device) -> Detector | None:
        """The given detector; or loads the one that training starts from, and throws it away."""
        if self.config.protocol == "frozen":
            return self.frozen(device)
        check_model(self.config.detector[0])
        return None

    def labels(self, comparison: Comparison) -> Mapping[str, Labels]:
        """The objects of the pictures that have labels."""
        return read_labelled(comparison, self.config.labels)

    def usable_labels(
        self, train: Comparison, labels: Mapping[str, Labels]
    ) -> tuple[Mapping[str, Labels], Sequence[Skipped]]:
        """All of them."""
        return labels, ()

    def jobs(
        self, places: Sequence[Place], labels: Mapping[str, Labels], out: Path, device: torch.device
    ) -> list[DetectorJob]:
        """One training for each place of the matrix."""
        return make_jobs(places, labels, self.classes, self.config.detector[0], out, self.config.budget(), device)

    def load(self, job: DetectorJob, device: torch.device) -> Detector:
        """The detector of a job that is done."""
        size, runtime = self.config.budget().image_size, self.config.runtime
        return YoloDetector(job.detector, device, self.boxes, size, runtime=runtime)

    def recipe(self) -> Mapping[str, Any]:
        """How detectors are trained."""
        return {**asdict(self.config.budget()), **RECIPE}

    def read_truth(
        self, comparison: Comparison, labels: Mapping[str, Labels], network: Detector, out: Path
    ) -> tuple[Objects, Sequence[Skipped]]:
        """Puts the objects into COCO's form, and writes ``ground_truth.json``."""
        objects = read_objects(comparison, labels, self.config.labels, self.classes, network.detectable)
        write_json(out / "ground_truth.json", objects.truth)
        return objects, ()

    def predict(
        self, truth: Objects, networks: Folded[Detector], item: Input, folder: Path, seed: int | None, track: Track
    ) -> tuple[Mapping[str, Results], Sequence[Skipped]]:
        """Detects on every picture of an input, or reads what was found before."""
        place = folder if seed is None else folder / f"seed{seed}"
        return predict_input(networks, item, place / f"{item.name}.json", track, self.config.part), ()

    def predict_late(
        self,
        networks: Folded[Detector],
        cameras: tuple[Input, Input],
        seen: tuple[Mapping[str, Results], Mapping[str, Results]],
        truth: Objects,
        folder: Path,
        seed: int | None,
        track: Track,
    ) -> Mapping[str, Results]:
        """Pools the boxes of both cameras."""
        place = folder if seed is None else folder / f"seed{seed}"
        return pool_detections(*seen, place / f"{LATE}.json")

    def row_names(self, taken: Collection[str]) -> tuple[str, ...]:
        """Of the COCO results that were given."""
        return tuple(parse_named(self.config.predictions, taken, "NAME=FILE.json"))

    def read_rows(self, truth: Objects, comparison: Comparison, folder: Path) -> Mapping[str, Mapping[str, Results]]:
        """Reads the COCO results that were given."""
        ids = {Path(image["file_name"]).stem: image["id"] for image in truth.truth["images"]}
        files = parse_named(self.config.predictions, ())
        return {name: read_given(file, truth.truth, ids, folder / f"{name}.json") for name, file in files.items()}

    def score(self, truth: Objects, network: Detector, seen: Mapping[str, Results]) -> DetectionScores:
        """Matches detections and objects."""
        return DetectionScores(truth.truth, [r for results in seen.values() for r in results], network.detectable)

    def support(self, scores: DetectionScores) -> Mapping[str, int]:
        """How many pictures hold objects of a class."""
        shown = {name: int((m.objects > 0).sum()) for name, m in zip(self.classes, scores.matches, strict=True)}
        return {f"{metric}_{name}": count for name, count in shown.items() for metric in ("ap", "ap50")}

    def entry(
        self, estimates: Mapping[str, Estimate], scores: Sequence[DetectionScores], draws: Ints
    ) -> Mapping[str, Any]:
        """Figures by class and by size of the objects, and the confidence of best F1."""
        per_class = {}
        for number, name in enumerate(self.classes):
            of_class = {metric: estimates[f"{metric}_{name}"] for metric in ("ap", "ap50")}
            per_class[name] = {**plain(of_class, ("ap", "ap50")), "objects": scores[0].objects(number)}
        per_size = {
            size: {
                **plain(intervals([s.sizes[size] for s in scores], draws), self.metrics),
                "objects": scores[0].sizes[size].objects,
            }
            for size in SIZES
        }
        confidences = {"confidence": scores[0].confidence, "confidence_other_half": list(scores[0].other_half)}
        return {"per_class": per_class, "per_size": per_size, **confidences}

    def picture_rows(
        self, names: Sequence[str], scores: Sequence[DetectionScores], single: Sequence[DetectionScores]
    ) -> list[dict[str, Any]]:
        """How many annotated objects each picture keeps, loses and wins; first detector of each input."""
        truth, before, after = scores[0].truth, single[0].hit, scores[0].hit
        picture_of = {a["id"]: a["image_id"] for a in truth["annotations"]}
        kept, lost, won = (
            Counter(picture_of[i] for i in ids) for ids in (before & after, before - after, after - before)
        )
        return [
            {"image": name, "change": won[i] - lost[i], "kept": kept[i], "lost": lost[i], "won": won[i]}
            for name, i in zip(names, (image["id"] for image in truth["images"]), strict=True)
        ]

    def finish(
        self,
        truth: Objects,
        names: Sequence[str],
        scores: Mapping[str, Sequence[DetectionScores]],
        entries: Mapping[str, dict[str, Any]],
        draws: Ints,
        out: Path,
    ) -> None:
        """Tells what other labels would say, which errors there are, and who sees what where each camera has labels."""
        add_label_sources(truth.others, truth.labels, scores, entries, self.metrics)
        first = {name: own[0] for name, own in scores.items()}
        add_diagnosis(truth.truth, truth.cameras, first, entries, out)
        if truth.seen:
            add_complementarity(truth.seen, first, entries, draws, out)

    def protocol(
        self, networks: Networks[Detector], scores: Mapping[str, Sequence[DetectionScores]]
    ) -> Mapping[str, Any]:
        """How the figures came about."""
        return {
            **settings_of(networks.by_input[VISIBLE][0]),
            **said_of(d.runtime_difference for own in networks.by_input.values() for f in own for d in f.networks),
            **self._training(networks),
            "detectors": {name: [folded.identity for folded in own] for name, own in networks.by_input.items()},
            "detectable": list(networks.first.detectable),
            "normalisation": "fixed: grey levels / 255 for every input; infrared as three equal channels",
            "classes_kept": "by name: " + ", ".join(f"{i} {name}" for i, name in enumerate(self.classes)),
            "evaluator": f"pycocotools {importlib.metadata.version('pycocotools')} COCOeval",
            "max_detections_scored": MAX_DETECTIONS,
            **({LATE: RULE} if LATE in scores else {}),
            **given_files(self.config.predictions),
            "sizes_px2": {size: list(area) for size, area in SIZES.items()},
            "complementarity": f"objects matched at IoU {MIN_IOU}, recall at the confidence of each input's "
            "best F1 on the other half of the pictures, first detector of each input; without classes that the "
            "detector does not know",
        }

    def table(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]], list[str]]:
        """One row an input, in per cent."""
        return table.TITLE, table.table_rows(result), table.notes(result)

    def details(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]]]:
        """Classes, sizes, groups, and who sees what."""
        return table.DETAILS, table.detail_rows(result)

    def csv_rows(self, result: Mapping[str, Any]) -> list[dict[str, Any]]:
        """One row an input, fractions at full precision."""
        return table.csv_rows(result)

    @classmethod
    def reopen(cls, folder: Path, inputs: Sequence[str]) -> tuple[tuple[str, ...], dict[str, list[DetectionScores]]]:
        """Matches the detections of a finished comparison again, of every seed, for the classes looked for."""
        protocol = read_json(folder / "detection.json")["protocol"]
        truth, first = read_json(folder / "ground_truth.json"), protocol["bootstrap"]["seed"]
        places = {
            name: ["", *(f"seed{first + k}" for k in range(1, len(protocol["detectors"][VISIBLE])))]
            for name in inputs
            if (folder / "predictions" / f"{name}.json").is_file()
        }
        given = protocol.get("given", {})
        results = {
            name: [
                read_json(folder / "predictions" / ("" if name in given else place) / f"{name}.json") for place in own
            ]
            for name, own in places.items()
        }
        scores = {n: [DetectionScores(truth, r, protocol["detectable"]) for r in own] for n, own in results.items()}
        return tuple(Path(image["file_name"]).stem for image in truth["images"]), scores

    @classmethod
    def drawable(cls, folder: Path) -> Collection[str]:
        """The pictures of the ground truth."""
        return {Path(image["file_name"]).stem for image in read_json(folder / "ground_truth.json")["images"]}

    @classmethod
    def grids(cls, comparison: Comparison, config: GridConfig) -> Grids:
        """Boxes on the pictures."""
        from downstream.detection.grids import DetectionGrids  # here, for matplotlib comes with an extra

        return DetectionGrids(comparison, config.run(), min_score=config.score, truth=config.truth)

    def _training(self, networks: Networks[Detector]) -> dict[str, Any]:
        if not networks.training:
            return {}
        ranking = "the detections of all folds together, by confidence; each fold has its own detector"
        training = {**networks.training, **({"ranking": ranking} if self.config.folds else {})}
        return {"trained_from": self.config.detector[0], "training": training}
