"""Pairs cut into patches."""

import hashlib
from collections.abc import Collection, Sequence

import numpy as np
import torch
from torch import Tensor

from dwsfusion import images
from dwsfusion.errors import InputError
from dwsfusion.images import Array
from dwsfusion.pairs import Pair, Skipped
from dwsfusion.runs import hash_text
from dwsfusion.training.tasks import Place


class Patches:
    """Batches of patches. What a batch holds follows from seed and step alone, so a stopped training can go on.

    Args:
        pairs: all their pictures are kept in memory, 8 bit.
        patch: height and width in pixels.
        batch_size: patches a batch.
        random_crops: random places and flips; or side by side, each patch once an epoch in a new order.
        seed: fixes the choice.
        ir_range: see `dwsfusion.images.ir_tensor`.
        coloured: the pairs whose colours are kept, too.

    Raises:
        InputError: no pair is as large as a patch, or there are fewer patches than a batch holds.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        patch: tuple[int, int],
        batch_size: int,
        random_crops: bool,
        seed: int,
        ir_range: tuple[float, float] | None = None,
        coloured: Collection[Pair] = (),
    ) -> None:
        self.patch, self.batch_size, self.random_crops, self.seed = patch, batch_size, random_crops, seed
        h, w = patch
        planes = {pair: _luma_planes(pair, ir_range) for pair in pairs}
        fitting = {pair: scene for pair, scene in planes.items() if scene.shape[1] >= h and scene.shape[2] >= w}
        self.pairs, self.scenes = list(fitting), list(fitting.values())
        self._colours = {pair: _colours(pair) for pair in self.pairs if pair in set(coloured)}
        self.left_out = tuple(
            Skipped(pair.name, f"{scene.shape[1]}x{scene.shape[2]} pixels: smaller than a patch of {h}x{w}")
            for pair, scene in planes.items()
            if scene.shape[1] < h or scene.shape[2] < w
        )
        self.digest = hash_text(*(hashlib.sha256(scene.tobytes()).hexdigest() for scene in self.scenes))
        self.corners = [
            (index, top, left)
            for index, scene in enumerate(self.scenes)
            for top in range(0, scene.shape[1] - h + 1, h)
            for left in range(0, scene.shape[2] - w + 1, w)
        ]
        if not self.corners:
            raise InputError(
                f"expected training pairs of at least {h}x{w} pixels, found none: choose a smaller --patch"
            )
        if not random_crops and len(self.corners) < batch_size:
            raise InputError(f"expected at least {batch_size} patches for a batch, found {len(self.corners)}")

    @property
    def steps_per_epoch(self) -> int:
        """Batches after which as many patches were seen as the pairs can be cut into."""
        return max(1, len(self.corners) // self.batch_size)

    def places(self, step: int, part: slice = slice(None)) -> list[Place]:
        """Where a step's patches lie, or a part of them."""
        chosen = self._random_places(step) if self.random_crops else self._grid_places(step)
        return [Place(self.pairs[index], top, left, *self.patch, flipped) for index, top, left, flipped in chosen[part]]

    def batch(self, step: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """Infrared and visible luma of a step's patches, or of a part of them, float ``(B, 1, H, W)`` each."""
        scenes = dict(zip(self.pairs, self.scenes, strict=True))
        batch = _stacked([_cut(scenes[place.pair], place) for place in self.places(step, part)])  # (B, 2, h, w)
        return batch[:, :1], batch[:, 1:]

    def colours(self, places: Sequence[Place]) -> Tensor:
        """The visible picture at some places, in pairs whose colours are kept: RGB float ``(B, 3, H, W)``."""
        return _stacked([_cut(self._colours[place.pair], place) for place in places])

    def _random_places(self, step: int) -> list[tuple[int, int, int, bool]]:
        random = np.random.default_rng((self.seed, step))
        places = []
        for _ in range(self.batch_size):
            # By patches, not by pairs: a pair counts by its size.
            index = self.corners[random.integers(len(self.corners))][0]
            _, height, width = self.scenes[index].shape
            top, left = random.integers(height - self.patch[0] + 1), random.integers(width - self.patch[1] + 1)
            places.append((index, int(top), int(left), bool(random.random() < 0.5)))
        return places

    def _grid_places(self, step: int) -> list[tuple[int, int, int, bool]]:
        epoch, place = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(len(self.corners))
        chosen = order[place * self.batch_size : (place + 1) * self.batch_size]
        return [(*self.corners[index], False) for index in chosen]


def _cut(planes: Array, place: Place) -> Array:
    patch = planes[:, place.top : place.top + place.height, place.left : place.left + place.width]
    return patch[:, :, ::-1] if place.flipped else patch


def _stacked(patches: Sequence[Array]) -> Tensor:
    return torch.from_numpy(np.stack(patches)).float() / 255


def _colours(pair: Pair) -> Array:
    """The visible picture, uint8 ``(3, H, W)``."""
    return np.ascontiguousarray(images.rgb_array(pair.read()[1]).transpose(2, 0, 1))


def _luma_planes(pair: Pair, ir_range: tuple[float, float] | None) -> Array:
    ir, vis = pair.read()
    planes = torch.cat(
        [images.ir_tensor(ir, ir_range, heed_counts=False), images.luma(images.vis_tensor(vis))]
    )  # (2, 1, H, W)
    return (planes[:, 0] * 255).round().to(torch.uint8).numpy()
