"""How fusion quality is compared."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from downstream.comparison.task import Task
from downstream.tasks import TASKS
from dwsfusion.errors import InputError


@dataclass(frozen=True)
class QualityConfig:
    """How fusion quality is compared."""

    preset: Literal["default", "authors", "cddfuse"] = "default"
    """Definitions of the metrics: the literature's, DWSFusion's authors', or those of CDDFuse's program."""
    against: tuple[str, ...] = ()
    """Further pairs of inputs to compare, each A:B; every fused input is compared with both cameras, where a
    metric allows, and with max."""
    groups: Path | None = None
    """CSV file with the columns picture,scene: frames of one scene are not independent, so whole scenes are drawn;
    without it the pictures are taken as independent."""
    resamples: int = 1000
    """Resamples of the bootstrap over pictures."""
    detection: Path | None = None
    """Folder of a finished compare_detection, such as out/detection: does quality go with mAP50?"""
    segmentation: Path | None = None
    """Folder of a finished compare_segmentation, such as out/segmentation: does quality go with mIoU?"""
    tasks: tuple[str, ...] = ()
    """Folders of finished comparisons of further tasks, each TASK=DIR."""
    costs: Path | None = None
    """Table of what methods cost, to be filled in (CSV: method,parameters,flops,ms); made where it is not there.
    With detection or segmentation, cost is drawn against their figures."""

    def runs(self) -> dict[type[Task[Any, Any, Any, Any]], Path]:
        """Task to the folder of its finished comparison, for those that were given.

        Raises:
            InputError: there is no such task.
        """
        folders = {"detection": self.detection, "segmentation": self.segmentation}
        for text in self.tasks:
            name, _, folder = text.partition("=")
            if name not in (known := [task.name for task in TASKS]) or not folder:
                raise InputError(f"expected --tasks TASK=DIR with a task of {', '.join(known)}, found {text!r}")
            folders[name] = Path(folder)
        return {task: given for task in TASKS if (given := folders.get(task.name))}
