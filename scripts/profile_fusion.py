"""Time the fusion network beside its plain computation: a table, where the time goes, and how it grows with size."""

import sys
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from downstream.report.tables import print_table
from dwsfusion import InputError
from dwsfusion.checkpoints import load_generator
from dwsfusion.command import check_writable, run_command
from dwsfusion.cost import compare, count_flops, count_parameters, gpu_ms, plot_sizes, profile_stages
from dwsfusion.generator import RELEASED, Generator
from dwsfusion.runs import write_json

TESTS = Path(__file__).parent.parent / "tests"


@dataclass(frozen=True)
class Config:
    weights: Path | None = None
    sizes: tuple[tuple[int, int], ...] = ((240, 320), (480, 640), (720, 1280), (1080, 1920))
    rounds: int = 7
    threads: int = 2
    out: Path = Path("out/profile")


def main(config: Config) -> int:
    if not (TESTS / "reference_network.py").is_file():
        raise InputError(f"expected the plain computation in {TESTS}, found none: run this in a checkout")
    check_writable(config.out)
    sys.path.insert(0, str(TESTS))
    plain = import_module("reference_network").generator
    torch.set_num_threads(config.threads)
    net = load_generator(config.weights) if config.weights else Generator(RELEASED).eval()
    methods = {"plain": partial(plain, net), "dwsfusion": net}
    timings = {size: compare(methods, size, config.rounds, torch.device("cpu")) for size in config.sizes}
    rows = []
    for size, at_size in timings.items():
        more = {"gflop": count_flops(net, *size) / 1e9, "gpu_ms": gpu_ms(net, size, config.rounds)}
        rows += [{"size": size, **asdict(timing), **more} for timing in at_size]
    stages = profile_stages(net, config.sizes[0], config.rounds)
    print_table(f"{count_parameters(net)} parameters, {config.threads} CPU threads, medians", texts(rows))
    print_table(f"Where the time goes at {config.sizes[0]}, and the least that memory allows", texts(stages))
    write_json(config.out / "profile.json", {"timings": rows, "stages": stages})
    plot_sizes(timings, config.out / "time_over_size.png")
    return 0


def texts(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    shown = {type(None): lambda _: "not measured here", float: "{:.2f}".format}
    return [{key: shown.get(type(value), str)(value) for key, value in row.items()} for row in rows]


if __name__ == "__main__":
    run_command(main, Config)
