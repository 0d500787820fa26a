"""COCOeval, asked only of detections that can match: it goes through all in plain Python, threshold by threshold.

Source: Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014, doi:10.1007/978-3-319-10602-1_48, and the
authors' pycocotools.
"""

from typing import Any

import numpy as np
from pycocotools.cocoeval import COCOeval


class QuickEvaluation(COCOeval):  # type: ignore[misc] # it has no types
    """Gives the rows of `COCOeval.evaluate`, some times faster where most detections lie on no object."""

    def evaluateImg(self, imgId: int, catId: int, aRng: Any, maxDet: int) -> Any:  # noqa: N802 - its names
        """The row of a picture and a class: by COCOeval for detections near an object; the others match nothing."""
        key = imgId, catId
        found, overlaps = self._dts[key], self.ious[key]
        if not found:
            return super().evaluateImg(imgId, catId, aRng, maxDet)
        order = np.argsort([-d["score"] for d in found], kind="mergesort")[:maxDet]
        ranked = [found[i] for i in order]
        least = min(self.params.iouThrs.min(), 1 - 1e-10)  # as COCOeval has it
        near = np.flatnonzero((overlaps >= least).any(axis=1)) if len(overlaps) else np.zeros(0, np.int64)
        self._dts[key], self.ious[key] = [ranked[i] for i in near], overlaps[near] if len(overlaps) else overlaps
        try:
            row = super().evaluateImg(imgId, catId, aRng, maxDet)
        finally:
            self._dts[key], self.ious[key] = found, overlaps
        thresholds = len(self.params.iouThrs)
        row = row or self._empty(key, aRng, maxDet)
        matches = np.zeros((thresholds, len(ranked)))
        ignored = np.tile([d["area"] < aRng[0] or d["area"] > aRng[1] for d in ranked], (thresholds, 1))
        matches[:, near], ignored[:, near] = row["dtMatches"], row["dtIgnore"]
        own = {"dtIds": [d["id"] for d in ranked], "dtScores": [d["score"] for d in ranked]}
        return row | own | {"dtMatches": matches, "dtIgnore": ignored}

    def _empty(self, key: tuple[int, int], area: Any, most: int) -> dict[str, Any]:
        """The row of a picture without objects, of whose detections none is looked at."""
        none = np.zeros((len(self.params.iouThrs), 0))
        about = {"image_id": key[0], "category_id": key[1], "aRng": area, "maxDet": most}
        return about | {"gtIds": [], "gtMatches": none, "gtIgnore": np.zeros(0), "dtMatches": none, "dtIgnore": none}
