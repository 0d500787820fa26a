"""Fuse every infrared-visible pair of a data set into RGB pictures of the source's size and name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.timing import Stopwatch
from downstream.datasets.opening import open_data_set
from downstream.messages import keep_log
from downstream.report.tables import print_table
from dwsfusion import Fuser, InputError, fuse_folder, look_at_infrared
from dwsfusion.pairs import check_apart
from dwsfusion.runs import fingerprint, write_run


@dataclass(frozen=True)
class Config:
    data: Path | None = None
    """Folder of the data set; without it data/MSRS, else the sample scenes."""
    data_set: str | None = None
    """Card of the data set: a name such as MSRS or M3FD, or a YAML file; without it by what lies in the folder."""
    split: str = "test"
    """Which part of the data set."""
    method: Literal["dwsfusion", "mean", "max", "mean+gamma", "max+gamma", "mean+clahe", "max+clahe"] = "dwsfusion"
    """The network, or a plain rule on luma: the mean or the maximum, as it is or with a visible picture brightened by
    a gamma curve or by CLAHE."""
    weights: Path | None = None
    """Weights of the network, ours (.safetensors) or the authors' (.pth); without it those of this package."""
    out: Path | None = None
    """Where the fused pictures go; without it out/fused/DATA/METHOD/SPLIT."""
    batch_size: int = 1
    """Pairs of one size that are computed together."""
    ir_range: tuple[float, float] | None = None
    """Infrared counts to show as black and white, for raw 16-bit pictures; without it the type's full range."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""


def main(config: Config) -> int:
    if config.batch_size < 1:
        raise InputError(f"expected a batch size of at least 1, found {config.batch_size}")
    if config.weights and config.method != "dwsfusion":
        raise InputError(f"--weights belong to --method dwsfusion, found --method {config.method}")
    fuser, data = Fuser.from_pretrained(config.weights or config.method, config.device), resolve_data(config.data)
    kept = Path("out/fused") / data.resolve().name
    source, found = open_data_set(data, config.split, config.data_set, kept / "sources")
    out = config.out or kept / config.method / config.split
    check_apart(out, [*found.files(), *(folder / "any" for folder in source.label_folders())])
    check_writable(out)
    keep_log(out)
    clock = Stopwatch()
    with clock.step("fuse"):
        look_at_infrared(found.pairs, config.ir_range)
        pairs = track(found.pairs, "fusing")
        result = fuse_folder(fuser, pairs, out, batch_size=config.batch_size, ir_range=config.ir_range)
    skipped = [*found.skipped, *result.skipped]
    counts = {"fused": result.made, "kept": len(result.files) - result.made, "skipped": len(skipped)}
    seconds = {"seconds": result.seconds, "network_seconds": result.network_seconds}
    digest = fingerprint(path for p in found.pairs if p.name in result.files for path in (p.ir, p.vis))
    results = {**counts, **seconds, "stages": clock.stages(), "skipped": skipped}
    write_run(out, config, device=str(fuser.device), seed=None, data=digest, results=results)
    print_table("Fused pictures", [{"folder": out, "method": fuser.name, **counts}], [result.speed()])
    return report_skipped(skipped, out)
