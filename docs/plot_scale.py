"""Fuses more and more tiny pairs, each number in a process of its own, and plots what it takes: docs/scale.png.

python docs/plot_scale.py --work /tmp/tiny      # makes the pairs there; remove the folder afterwards
"""

import argparse
import csv
import os
import subprocess
import sys
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np

SIDE_PX = 16
COUNTS = (1_000, 10_000, 100_000)
Row = dict[str, float]


def main() -> None:
    """Makes the pairs, measures, plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--method", default="max")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS)
    asked = parser.parse_args()
    make_pairs(asked.work, max(asked.counts))
    rows = []
    for count in asked.counts:
        rows.append(measure(asked.work, count, asked.method))
        sys.stdout.write(f"{rows[-1]}\n")
        sys.stdout.flush()
    plot(rows, Path(__file__).with_name("scale.png"))


def make_pairs(work: Path, count: int) -> None:
    """Writes pairs of noise that are not there yet."""
    random = np.random.default_rng(0)
    for side in ("ir", "vi"):
        (work / side).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        for side, shape in (("ir", (SIDE_PX, SIDE_PX)), ("vi", (SIDE_PX, SIDE_PX, 3))):
            path = work / side / f"{number:06}.png"
            if not path.exists():
                cv2.imwrite(str(path), random.integers(0, 256, shape, np.uint8))


def measure(work: Path, count: int, method: str) -> Row:
    """Seconds of processor time and peak memory of one process that fuses so many pairs."""
    manifest = work / f"{count}.csv"
    with manifest.open("w", newline="") as file:
        rows = ((f"{n:06}", f"ir/{n:06}.png", f"vi/{n:06}.png") for n in range(count))
        csv.writer(file).writerows([("name", "ir", "vis"), *rows])
    call = [sys.executable, "-m", "downstream.commands", "fuse", "--manifest", str(manifest), "--method", method]
    child = subprocess.Popen([*call, "--device", "cpu", "--log-level", "warning", "--out", str(work / f"out{count}")])
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"the command ended with {os.waitstatus_to_exitcode(status)}")
    return {"pairs": count, "cpu_s": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}


def plot(rows: list[Row], path: Path) -> None:
    """Two panels over the number of pairs: processor time, which grows with it, and memory, which does not."""
    counts = [row["pairs"] for row in rows]
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), constrained_layout=True)
    left.loglog(counts, [row["cpu_s"] for row in rows], "o-", color="#2a6f97")
    left.set(xlabel="pairs", ylabel="processor time, s", title="Time grows with the pairs")
    right.semilogx(counts, [row["peak_mib"] for row in rows], "o-", color="#bc4749")
    right.set(xlabel="pairs", ylabel="peak memory, MiB", title="Memory does not", ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
