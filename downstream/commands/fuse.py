"""Fuse every infrared-visible pair of a data set into RGB pictures of the source's size and name."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from downstream.command import check_writable, report_skipped, resolve_data, track
from downstream.comparison.shard_run import record_name
from downstream.comparison.timing import Stopwatch
from downstream.messages import keep_log
from downstream.report.tables import print_table
from downstream.scale.fusing import Told, fuse_here, tell_all
from downstream.scale.listing import Listing, list_folder, list_manifest
from downstream.scale.packing import check_tar
from downstream.scale.ray_engine import Work, fuse_on_ray
from dwsfusion import Fuser, InputError, look_at_infrared
from dwsfusion.runs import write_run
from dwsfusion.shards import Shard


@dataclass(frozen=True)
class Config:
    data: Path | None = None
    """Folder of the data set; without it data/MSRS, else the sample scenes."""
    data_set: str | None = None
    """Card of the data set: a name such as MSRS or M3FD, or a YAML file; without it by what lies in the folder."""
    split: str = "test"
    """Which part of the data set."""
    manifest: Path | None = None
    """Instead of a data set a list of pairs, CSV or Parquet with the columns name, ir, vis; or a tar with NAME.ir.png
    and NAME.vis.png side by side (WebDataset), or a folder of such tars; needs --out."""
    shard: str | None = None
    """I/N, such as 1/4: one of N parts of the pictures; where a launcher set RANK and WORLD_SIZE, they say which."""
    method: Literal[
        "dwsfusion", "dwsfusion-task", "mean", "max", "mean+gamma", "max+gamma", "mean+clahe", "max+clahe"
    ] = "dwsfusion"
    """The network with either weights of this package, or a plain rule on luma: the mean or the maximum, as it is or
    with a visible picture brightened by a gamma curve or by CLAHE."""
    weights: Path | None = None
    """Weights of the network, ours (.safetensors) or the authors' (.pth); without it those of this package."""
    out: Path | None = None
    """Where the fused pictures go; without it out/fused/DATA/METHOD/SPLIT."""
    a_tar: int | None = None
    """Put the fused pictures into OUT/fused-000000.tar and so on, too, so many a tar, as NAME.fused.png."""
    batch_size: int = 1
    """Pairs of one size that are computed together."""
    ir_range: tuple[float, float] | None = None
    """Infrared counts to show as black and white, for raw 16-bit pictures; without it the type's full range."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, mps."""
    engine: Literal["here", "ray"] = "here"
    """Who fuses: this process, or workers of Ray on this machine or many, which need all paths on shared storage."""
    ray_address: str | None = None
    """Of a running Ray cluster, such as ray://head:10001, or auto on one of its machines; else one starts here."""
    ray_workers: int | None = None
    """How many workers; without it as many as there are cores, of a cluster less one a machine."""


def main(config: Config) -> int:
    _check(config)
    shard, clock = Shard.asked(config.shard), Stopwatch()
    # On Ray this process computes nothing, and need not have a worker's device.
    device = config.device if config.engine == "here" else "cpu"
    fuser = Fuser.from_pretrained(config.weights or config.method, device)
    listing, out = _list(config, shard)
    check_writable(out)
    keep_log(out)
    with clock.step("fuse"):
        look_at_infrared(listing.some, config.ir_range)
        told = _fuse(config, fuser, listing, out)
        tally = tell_all(track(told, "fusing", listing.count), listing, out, shard, config.a_tar)
    seconds = {"seconds": tally.seconds, "network_seconds": tally.network_seconds, "stages": clock.stages()}
    made_by = {"method": fuser.name, "identity": fuser.identity, "ir_range": config.ir_range}
    part = {"task": "fuse", "shard": str(shard), "made_by": made_by} if shard else {}
    results = {**tally.counts(), **seconds, **part, "skipped": tally.skipped}
    digest = listing.digest({item.name for item in tally.skipped})
    name = record_name(shard) if shard else "run.json"
    used = str(fuser.device) if config.engine == "here" else config.device
    write_run(out, config, device=used, seed=None, data=digest, results=results, name=name)
    print_table("Fused pictures", [{"folder": out, "method": fuser.name, **tally.counts()}], [tally.speed()])
    return report_skipped(tally.skipped, None if shard else out)


def _fuse(config: Config, fuser: Fuser, listing: Listing, out: Path) -> Iterator[Told]:
    if config.engine == "here":
        return fuse_here(fuser, listing.numbered(), out, batch_size=config.batch_size, ir_range=config.ir_range)
    method = str(config.weights or config.method)
    work = Work(method, fuser.identity, config.device, out, config.batch_size, config.ir_range, Path.cwd())
    return fuse_on_ray(work, listing.numbered(), config.ray_address, config.ray_workers)


def _check(config: Config) -> None:
    if config.batch_size < 1:
        raise InputError(f"expected a batch size of at least 1, found {config.batch_size}")
    check_tar(config.a_tar)
    if config.a_tar is not None and config.shard is not None:
        raise InputError("tars are made of all pictures: leave --a-tar to `dwsfusion merge`, which has them")
    if config.engine == "here" and (config.ray_address or config.ray_workers):
        raise InputError("--ray-address and --ray-workers belong to --engine ray: add it, or leave them out")
    if config.ray_workers is not None and config.ray_workers < 1:
        raise InputError(f"expected at least 1 worker, found --ray-workers {config.ray_workers}")
    if config.weights and config.method != "dwsfusion":
        raise InputError(f"--weights belong to --method dwsfusion, found --method {config.method}")
    if config.manifest and (config.out is None or config.data):
        raise InputError("--manifest takes the place of --data, and needs --out: name the folder of the fused pictures")


def _list(config: Config, shard: Shard | None) -> tuple[Listing, Path]:
    """The pairs, and where what is made of them goes."""
    if config.manifest is not None and config.out is not None:
        return list_manifest(config.manifest, shard), config.out
    data = resolve_data(config.data)
    kept = Path("out/fused") / data.resolve().name
    out = config.out or kept / config.method / config.split
    return list_folder(data, config.split, config.data_set, out, kept / "sources", shard), out
