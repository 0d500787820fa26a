"""The metrics with their units and directions, and the presets that reproduce published columns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from dwsfusion.errors import ImageError
from dwsfusion.quality import edges, fmi, statistics, structure
from dwsfusion.quality.picture import Picture


@dataclass(frozen=True)
class Metric:
    """One metric."""

    compute: Callable[..., Tensor]
    """Takes the fused picture, and infrared and visible where it compares with them; gives ``(B,)``."""
    unit: str = ""
    higher_is_better: bool = True
    against_sources: bool = True
    """Whether it compares with the sources; a source that is measured as if it were fused is then compared with
    itself."""
    min_side_px: int = 16
    """Smaller pictures have no value."""

    @property
    def definition(self) -> str:
        """The first line of its documentation."""
        return (self.compute.__doc__ or "").partition("\n")[0]


Preset = Mapping[str, Metric]

DEFAULT: Preset = {
    "EN": Metric(statistics.entropy, "bit", against_sources=False),
    "SD": Metric(statistics.standard_deviation, "level", against_sources=False),
    "SF": Metric(statistics.spatial_frequency, "level", against_sources=False),
    "AG": Metric(statistics.average_gradient, "level", against_sources=False),
    "MI": Metric(statistics.mutual_information, "bit"),
    "SCD": Metric(statistics.sum_of_correlations_of_differences),
    "CC": Metric(statistics.correlation),
    "VIF": Metric(structure.vif, min_side_px=structure.VIF_MIN_PX),
    "SSIM": Metric(structure.ssim),
    "MS-SSIM": Metric(structure.ms_ssim, min_side_px=structure.MS_SSIM_MIN_PX),
    "PSNR": Metric(statistics.peak_signal_to_noise, "dB"),
    "MSE": Metric(statistics.mean_squared_error, "level²", higher_is_better=False),
    "Qabf": Metric(edges.qabf),
    "Nabf": Metric(edges.nabf, higher_is_better=False),
    "FMI pixel": Metric(fmi.fmi_pixel),
    "FMI DCT": Metric(fmi.fmi_dct),
    "FMI wavelet": Metric(fmi.fmi_wavelet),
}
"""What the literature defines."""

AUTHORS: Preset = {
    **DEFAULT,
    "PSNR": Metric(statistics.peak_signal_to_noise_authors, "dB"),
}
"""As in the tables of DWSFusion's authors: MI, SD, VIF, SSIM, Qabf and PSNR."""

CDDFUSE: Preset = {
    **DEFAULT,
    "AG": Metric(statistics.average_gradient_central, "level", against_sources=False),
    "MI": Metric(statistics.mutual_information_nats, "nat"),
    "SSIM": Metric(structure.ssim_sum_of_range_two),
    "PSNR": Metric(statistics.peak_signal_to_noise_own_peak, "dB"),
}
"""As in the evaluation program of CDDFuse (Zhao et al., 2023, doi:10.1109/CVPR52729.2023.00572), much copied."""

PRESETS: Mapping[str, Preset] = {"default": DEFAULT, "authors": AUTHORS, "cddfuse": CDDFUSE}


def measure(fused: Picture, ir: Picture, vis: Picture, preset: Preset = DEFAULT) -> dict[str, Tensor]:
    """All metrics of a preset that the size of the pictures allows, each ``(B,)``.

    Args:
        fused: B pictures.
        ir: infrared, one picture or B.
        vis: visible, the same.
        preset: the metrics.

    Raises:
        ImageError: the sizes differ.
    """
    sizes = {tuple(picture.y.shape[-2:]) for picture in (fused, ir, vis)}
    if len(sizes) > 1:
        raise ImageError(f"expected fused, infrared and visible of one size, found height and width {sizes}")
    side = min(fused.y.shape[-2:])
    return {
        name: m.compute(fused, ir, vis) if m.against_sources else m.compute(fused)
        for name, m in preset.items()
        if side >= m.min_side_px
    }
