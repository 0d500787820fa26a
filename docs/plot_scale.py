"""What more and more names take: listing up to a million, fusing up to 100,000 tiny pairs; a table and a plot.

python docs/plot_scale.py --work /tmp/tiny      # makes the pairs there; remove the folder afterwards

Each number has a process of its own. What stands in docs/scale.csv already is not measured again.
"""

import argparse
import csv
import os
import sys
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np

SIDE_PX = 16
COUNTS = {"listed": (1_000, 10_000, 100_000, 1_000_000), "fused": (1_000, 10_000, 100_000)}
LIST = "import sys, pathlib, dwsfusion.manifest as m; print(sum(1 for _ in m.Manifest(pathlib.Path(sys.argv[1]))))"
COLOURS = {"listed": "#2a6f97", "fused": "#bc4749"}
Row = dict[str, str]


def main() -> None:
    """Measures what is not measured yet, and draws everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    work = parser.parse_args().work
    work.mkdir(parents=True, exist_ok=True)
    table = Path(__file__).with_name("scale.csv")
    rows = list(csv.DictReader(table.open(newline=""))) if table.exists() else []
    known = {(row["what"], int(row["pairs"])) for row in rows}
    for what, counts in COUNTS.items():
        for count in counts:
            if (what, count) not in known:
                rows.append(measure(work, what, count))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, table.with_suffix(".png"))


def measure(work: Path, what: str, count: int) -> Row:
    """Seconds of processor time and peak memory of one process that lists or fuses so many pairs."""
    manifest = work / f"{count}.csv"
    with manifest.open("w", newline="") as file:
        rows = ((f"{n:06}", f"ir/{n:06}.png", f"vi/{n:06}.png") for n in range(count))
        csv.writer(file).writerows([("name", "ir", "vis"), *rows])
    call = [sys.executable, "-c", LIST, str(manifest)]
    if what == "fused":
        make_pairs(work, count)
        call = [sys.executable, "-m", "downstream.commands", "fuse", "--manifest", str(manifest), "--method", "max"]
        call += ["--device", "cpu", "--log-level", "warning", "--out", str(work / f"out{count}")]
    _, status, used = os.wait4(os.spawnv(os.P_NOWAIT, call[0], call), 0)
    if status:
        raise SystemExit(f"the command ended with {os.waitstatus_to_exitcode(status)}")
    seconds = used.ru_utime + used.ru_stime
    return {"what": what, "pairs": str(count), "cpu_s": f"{seconds:.1f}", "peak_mib": f"{used.ru_maxrss / 1024:.0f}"}


def make_pairs(work: Path, count: int) -> None:
    """Writes pairs of noise that are not there yet."""
    random = np.random.default_rng(0)
    for side in ("ir", "vi"):
        (work / side).mkdir(exist_ok=True)
    for number in range(count):
        for side, shape in (("ir", (SIDE_PX, SIDE_PX)), ("vi", (SIDE_PX, SIDE_PX, 3))):
            path = work / side / f"{number:06}.png"
            if not path.exists():
                cv2.imwrite(str(path), random.integers(0, 256, shape, np.uint8))


def plot(rows: list[Row], path: Path) -> None:
    """Two panels over the number of pairs: processor time, which grows with it, and memory, which hardly does."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7, 2.8), constrained_layout=True)
    for what, colour in COLOURS.items():
        own = [row for row in rows if row["what"] == what]
        counts = [int(row["pairs"]) for row in own]
        left.loglog(counts, [float(row["cpu_s"]) for row in own], "o-", color=colour, label=what)
        right.semilogx(counts, [float(row["peak_mib"]) for row in own], "o-", color=colour, label=what)
    highest = max(float(row["peak_mib"]) for row in rows)
    left.set(xlabel="pairs", ylabel="processor time, s", title="Time grows with the pairs")
    right.set(xlabel="pairs", ylabel="peak memory, MiB", title="Memory hardly does", ylim=(0, 1.2 * highest))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    left.legend(frameon=False, loc="upper left")
    right.legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
