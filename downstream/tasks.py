"""The tasks that fused pictures are compared by: one line each."""

from typing import Any

from downstream.comparison.task import Task
from downstream.detection.task import DetectionTask
from downstream.segmentation.task import SegmentationTask

TASKS: tuple[type[Task[Any, Any, Any, Any]], ...] = (
    DetectionTask,
    SegmentationTask,
)
