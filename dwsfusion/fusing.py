"""The door for users: a fusion method that takes pictures and gives pictures.

fuser = Fuser.from_pretrained()
fused = fuser.fuse(ir, vis)
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from dwsfusion import images
from dwsfusion.baselines import BASELINES
from dwsfusion.checkpoints import PACKAGED, load_generator
from dwsfusion.devices import pick_device
from dwsfusion.engines import engine_for
from dwsfusion.errors import InputError
from dwsfusion.generator import Generator
from dwsfusion.hub import find_weights, save_pretrained
from dwsfusion.images import Array
from dwsfusion.runs import hash_file


class Fuser:
    """Fuses infrared and visible pictures by a network or by a plain rule.

    Args:
        network: takes ``ir`` and ``vis_y``, float ``(B, 1, H, W)`` in [0, 1], and gives the fused luma, the same. How
            to run it (`engine`) is chosen now, and may be a snapshot of its weights.
        name: what the method is called in tables and files.
        identity: changes whenever the method's output could change; fused files are kept by it.
        device: where to compute.
    """

    def __init__(self, network: nn.Module, name: str, identity: str, device: str | torch.device = "auto") -> None:
        self.device = device if isinstance(device, torch.device) else pick_device(device)
        self.network = network.to(self.device).eval()
        self.engine = engine_for(self.network, self.device)
        self.name = name
        self.identity = identity

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path = "dwsfusion", device: str | torch.device = "auto", revision: str | None = None
    ) -> "Fuser":
        """Loads a method.

        Args:
            name_or_path: ``dwsfusion`` or ``dwsfusion-task`` (the weights of this package); a rule of
                `dwsfusion.baselines` such as ``mean``, ``max`` or ``max+clahe``; a weights file: ours
                (``.safetensors``) or the authors' ``best_network.pth``; a folder of `save_pretrained`; or a name
                ``OWNER/NAME`` of the Hugging Face hub.
            device: ``auto``, or a device's name.
            revision: branch, tag or commit on the hub.

        Raises:
            InputError: there is no such name or file, or the file's tensors do not fit.
        """
        name = str(name_or_path)
        if name in BASELINES:
            return cls(BASELINES[name](), name, name, device)
        path = PACKAGED.get(name, Path(name_or_path))
        path = path if path.is_file() else find_weights(name_or_path, revision) or path
        if not path.is_file():
            known = ", ".join((*PACKAGED, *BASELINES))
            raise InputError(f"expected {known}, OWNER/NAME of the hub, or a weights file, found no file {name!r}")
        return cls(load_generator(path), name if name in PACKAGED else "dwsfusion", hash_file(path), device)

    def save_pretrained(self, folder: str | Path, card: str = "", note: Mapping[str, str] | None = None) -> None:
        """Writes the network's weights, configuration and card as `dwsfusion.hub.save_pretrained` does.

        Raises:
            InputError: a plain rule has no weights.
        """
        if not isinstance(self.network, Generator):
            raise InputError(f"expected a network with weights to save, found the rule {self.name}")
        save_pretrained(self.network, Path(folder), card, note)

    def fuse(self, ir: Array, vis: Array, ir_range: tuple[float, float] | None = None) -> Array:
        """Fuses one pair.

        Args:
            ir: infrared, uint8 or uint16, ``(H, W)`` or ``(H, W, 3)``; sides of 16 pixels or more.
            vis: visible, uint8 or uint16, grey or RGB, of the same size.
            ir_range: the infrared counts to show as black and white; without it the type's full range.

        Returns:
            uint8 RGB ``(H, W, 3)``: the fused luma with the visible picture's chroma.

        Raises:
            InputError: type, shape or size do not fit.
        """
        ir_y, colours = self._tensors(ir, vis, ir_range)
        return images.coloured(self.fuse_tensors(ir_y, images.luma(colours)), colours)

    @torch.inference_mode()
    def weight_maps(self, ir: Array, vis: Array, ir_range: tuple[float, float] | None = None) -> tuple[Array, Array]:
        """The maps by which the network weighs both pictures before it fuses them.

        Args:
            ir: as `fuse` takes it.
            vis: as `fuse` takes it.
            ir_range: as `fuse` takes it.

        Returns:
            infrared's and visible's map, float32 ``(H, W)`` in [0, 1]; those of the published network in [½, 1].

        Raises:
            InputError: type, shape or size do not fit, or the method is a plain rule, which has none.
        """
        if not isinstance(self.network, Generator):
            raise InputError(f"expected a network with weight maps, found the rule {self.name}")
        ir_y, colours = self._tensors(ir, vis, ir_range)
        maps = self.engine.weights(ir_y, images.luma(colours))
        ir_map, vis_map = (weights[0, 0].cpu().numpy().copy() for weights in maps)
        return ir_map, vis_map

    def _tensors(self, ir: Array, vis: Array, ir_range: tuple[float, float] | None) -> tuple[Tensor, Tensor]:
        images.check_picture(ir, "infrared")
        images.check_picture(vis, "visible")
        images.check_same_size(ir, vis)
        return images.ir_tensor(ir, ir_range, self.device), images.vis_tensor(vis, self.device)

    @torch.inference_mode()
    def fuse_tensors(self, ir: Tensor, vis_y: Tensor) -> Tensor:
        """Fuses luma: float ``(B, 1, H, W)`` in [0, 1] each, and the same out, on the fuser's device."""
        return self.engine(ir.to(self.device), vis_y.to(self.device))
