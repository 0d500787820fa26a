"""The whole road on sample scenes, by the commands that a user would type, and one table of what they found."""

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from downstream.command import EXIT_DONE
from downstream.detection.yolo import SAMPLE_DETECTOR, find_model
from downstream.report.tables import percent, percent_interval, print_table

NEEDS = ("ultralytics", "pycocotools", "segmentation_models_pytorch", "matplotlib")


@dataclass(frozen=True)
class Config:
    out: Path = Path("out/demo")
    """Where everything goes."""


def main(config: Config) -> int:
    find_model(SAMPLE_DETECTOR)  # or say at once what is missing
    out, start = config.out, time.perf_counter()
    data = f"--data {out}/sample --fused {out}/fused"
    for command in (
        f"sample --out {out}/sample --train 100 --test 60 --height 240 --width 320",
        f"fuse --data {out}/sample --out {out}/fused/sample/dwsfusion/test",
        f"detection {data} --out {out}/detection",
        f"segmentation {data} --protocol joint --encoder-weights none --seeds 1 --out {out}/segmentation",
        f"grids {data} --task fusion --out {out}/grids/fusion",
        f"grids {data} --task detection --predictions {out}/detection --out {out}/grids/detection",
        f"grids {data} --task segmentation --predictions {out}/segmentation --out {out}/grids/segmentation",
    ):
        sys.stderr.write(f"\n$ dwsfusion {command}\n")
        subprocess.run([*COMMANDS, *shlex.split(command)], check=True, env=PATIENT)
    detection, segmentation = (json.loads((out / task / f"{task}.json").read_text()) for task in TASKS)
    rows = [
        {
            "input": name,
            "mAP50, detection": percent_interval(found["map50"], found["interval"]["map50"]),
            "mIoU, segmentation": percent_interval(masks["miou"], masks["interval"]["miou"]),
            **{f"recall, {group}": percent(part["recall"]) for group, part in found["complementarity"].items()},
        }
        for name, found in detection["inputs"].items()
        if (masks := segmentation["inputs"][name])
    ]
    notes = [f"{detection['images']} sample scenes, one network a task for all inputs, 95 % intervals over pictures.",
             f"{time.perf_counter() - start:.0f} s. Pictures, grids and figures lie in {out}"]  # fmt: skip
    print_table("What fusion is worth on the sample scenes, per cent", rows, notes)
    return EXIT_DONE


# Threads that wait by sleeping leave the cores to those that work, which matters where cores are few or shared.
PATIENT = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
COMMANDS = (sys.executable, "-m", "downstream.commands")
TASKS = ("detection", "segmentation")
