"""What the command of fusion quality does: fuse, measure, draw cost against worth."""

from pathlib import Path
from typing import Any

from downstream.comparison.inputs import DWSFUSION
from downstream.comparison.preparing import ComparisonConfig
from downstream.comparison.timing import Stopwatch
from downstream.messages import keep_log
from downstream.quality.comparison import compare_quality
from downstream.quality.config import QualityConfig
from dwsfusion.images import image_size
from dwsfusion.progress import Track
from dwsfusion.runs import write_run


def measure_inputs(
    config: ComparisonConfig, quality: QualityConfig, data: Path, out: Path, track: Track
) -> dict[str, Any]:
    """Measures the inputs of a data set, and writes and gives what ``quality.json`` holds.

    Args:
        config: the command's.
        quality: what is measured.
        data: the data root.
        out: the output folder.
        track: shows progress.

    Raises:
        InputError: the comparison cannot start.
    """
    fuser, seed, clock = config.fuser(), config.seed, Stopwatch()
    with clock.step("fuse"):
        tested = config.prepare(data, fuser, config.split, track)
    tested.check_apart(out)
    keep_log(out)
    about = {"data": data.name, "split": config.split, "ir_range": config.ir_range}
    with clock.step("measure"):
        result = compare_quality(tested, out, quality, about=about, device=fuser.device, seed=seed, track=track)
    if quality.costs:
        from downstream.quality.costs import (
            measure_networks,
            write_tradeoff,
        )  # here, for matplotlib comes with an extra

        size = image_size(next(iter(tested.input(DWSFUSION).files.values())))
        known = measure_networks(fuser, result["inputs"], size)
        write_tradeoff(quality.costs, quality.runs(), list(result["inputs"]), known, out)
    kept = {"protocol": result["protocol"], "seconds": clock.seconds, "stages": clock.stages()}
    write_run(out, config, device=str(fuser.device), seed=seed, data=tested.fingerprint(), results=kept)
    return result
