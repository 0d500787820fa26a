"""Counting as a task: warm or bright blobs against the persons of the label files, as a turnstile counts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from downstream.comparison.config import TaskConfig
from downstream.comparison.cross_validation import Folded, Networks
from downstream.comparison.finished import read_json
from downstream.comparison.inputs import Comparison, Input
from downstream.comparison.scores import Floats, Ints
from downstream.comparison.task import Task
from downstream.report.tables import percent_interval
from dwsfusion.images import read_image, rgb_array
from dwsfusion.pairs import Skipped
from dwsfusion.progress import Track
from dwsfusion.runs import write_json


class BlobCounter:
    """Counts what stands out of its picture by brightness."""

    identity, seconds = "blobs of 200 grey levels and 20 pixels", 0.0

    def count(self, picture: NDArray[Any]) -> int:
        """How many blobs there are."""
        bright = (rgb_array(picture).mean(2) >= 200).astype(np.uint8)
        _, _, blobs, _ = cv2.connectedComponentsWithStats(bright)
        return int((blobs[1:, cv2.CC_STAT_AREA] >= 20).sum())


@dataclass(frozen=True)
class CountScores:
    """How far off the counts of the pictures are, ``(n,)``."""

    off: Ints

    def figures(self, counts: Ints) -> Mapping[str, Floats]:
        """Shares of the pictures."""
        with np.errstate(invalid="ignore"):
            return {
                name: counts @ (abs(self.off) <= n) / counts.sum(1) for n, name in enumerate(("exact", "within_one"))
            }

    def of(self, chosen: NDArray[np.bool_]) -> "CountScores":
        """Of some of the pictures."""
        return CountScores(self.off[chosen])


class CountingTask(Task[Mapping[str, int], BlobCounter, int, CountScores]):
    """What pictures are worth to who counts people."""

    name, primary, suffix = "counting", "exact", ".txt"
    titles: ClassVar[Mapping[str, str]] = {"exact": "exact", "within_one": "within one"}
    change = "right instead of wrong"
    config: TaskConfig

    def frozen(self, device: torch.device) -> BlobCounter:
        """There is but one."""
        return BlobCounter()

    def read_truth(
        self, comparison: Comparison, labels: Mapping[str, Path], network: BlobCounter, out: Path
    ) -> tuple[Mapping[str, int], Sequence[Skipped]]:
        """Counts the persons of the label files."""
        lines = {name: path.read_text().splitlines() for name, path in labels.items()}
        people = {name: sum(line.startswith("0 ") for line in own) for name, own in lines.items()}
        write_json(out / "people.json", people)
        return people, ()

    def predict(
        self,
        truth: Mapping[str, int],
        networks: Folded[BlobCounter],
        item: Input,
        folder: Path,
        seed: int | None,
        track: Track,
    ) -> tuple[Mapping[str, int], Sequence[Skipped]]:
        """Counts blobs."""
        names = track(list(item.files), f"count in {item.name}")
        counted = {name: networks.of(name).count(read_image(item.files[name])) for name in names}
        write_json(folder / f"{item.name}.json", counted)
        return counted, ()

    def score(self, truth: Mapping[str, int], network: BlobCounter, seen: Mapping[str, int]) -> CountScores:
        """How far off they are."""
        return CountScores(np.array([count - truth[name] for name, count in seen.items()]))

    def protocol(
        self, networks: Networks[BlobCounter], scores: Mapping[str, Sequence[CountScores]]
    ) -> Mapping[str, Any]:
        """What counted."""
        return {"counter": networks.first.identity}

    def table(self, result: Mapping[str, Any]) -> tuple[str, list[dict[str, str]], list[str]]:
        """Shares of the pictures, per cent."""
        rows = [
            {"input": name} | {self.titles[m]: percent_interval(entry[m], entry["interval"][m]) for m in self.metrics}
            for name, entry in result["inputs"].items()
        ]
        return "People counted right, per cent of the pictures", rows, [f"{result['images']} pictures"]

    @classmethod
    def reopen(cls, folder: Path, inputs: Sequence[str]) -> tuple[tuple[str, ...], dict[str, list[CountScores]]]:
        """From the counts that were written."""
        people = read_json(folder / "people.json")
        counted = {name: json.loads((folder / f"predictions/{name}.json").read_text()) for name in inputs}
        off = {name: [CountScores(np.array([own[n] - people[n] for n in people]))] for name, own in counted.items()}
        return tuple(people), off
