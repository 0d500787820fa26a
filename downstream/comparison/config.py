"""What a comparison of any task is asked."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from downstream.comparison.runtimes import Runtime
from dwsfusion.errors import InputError
from dwsfusion.shards import Shard


@dataclass(frozen=True, kw_only=True)
class TaskConfig:
    """What every task is asked; the tasks add what is their own."""

    protocol: str = "frozen"
    """One given network for all inputs (frozen); one trained for each input (retrained); one trained on all inputs in
    equal parts (joint)."""
    labels: str | None = None
    """Which labels: a name of the data set's card, or another folder beside them; without it the card's first."""
    mapping: Path | None = None
    """For frozen: JSON that says which of the network's classes count as which of ours, {"theirs": "ours"}."""
    seeds: int = 1
    """Where networks are trained: how many an input, from SEED, SEED + 1, …; a result to quote needs 3."""
    folds: int = 0
    """Where networks are trained and the data set has no train split: divide the tested pictures into so many
    folds, each predicted by a network trained on the others. 0 trains on the train split."""
    devices: tuple[str, ...] = ()
    """Where networks are trained, such as cuda:0 cuda:1: side by side, one network on each; without it --device."""
    against: tuple[str, ...] = ()
    """Further pairs of inputs to compare, each A:B; every input is compared with both cameras, max and late fusion."""
    groups: Path | None = None
    """CSV file with the columns picture,scene: frames of one scene are not independent, so whole scenes are drawn;
    without it the pictures are taken as independent."""
    shard: str | None = None
    """For frozen: I/N, such as 1/4, looks at one of N parts of the pictures and keeps what was seen, without figures;
    where a launcher set RANK and WORLD_SIZE, they say which. `dwsfusion merge` gives the figures of all."""
    runtime: Runtime = "torch"
    """Who computes the networks that look: torch; or, faster on a CPU, onnxruntime (onnx) or OpenVINO, to which they
    are exported, anew for each size of pictures, and whose output is held to torch's. ONNX files are computed by one of
    these two anyway."""
    resamples: int = 1000
    """Resamples of the bootstrap over pictures."""

    @property
    def part(self) -> Shard | None:
        """The shard that is looked at; None for all pictures."""
        return Shard.asked(self.shard) if self.protocol == "frozen" else None

    def each(self) -> "Mapping[str, TaskConfig]":
        """One configuration for each of several networks, by its name; one without a name where there is but one."""
        return {"": self}

    def check(self) -> None:
        """Refuses settings that cannot work, before anything is computed.

        Raises:
            InputError: settings that belong to another protocol, or no resamples.
        """
        if self.resamples < 1:
            raise InputError(f"expected --resamples of 1 or more, found {self.resamples}")
        if self.protocol == "frozen" and (self.folds or self.devices):
            raise InputError("--folds and --devices belong to training: add --protocol retrained, or joint")
        if self.protocol != "frozen" and self.shard:
            raise InputError("--shard belongs to --protocol frozen: several --devices train several networks")
        if self.protocol != "frozen" and self.mapping:
            raise InputError("--mapping belongs to --protocol frozen: a trained network knows our classes")
