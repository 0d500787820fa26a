import pytest
import torch
from torch import Tensor

from dwsfusion.generator import WeightMaps
from dwsfusion.losses import content_loss, generator_total, sobel_magnitude, weight_loss


def test_sobel_of_a_step_by_hand() -> None:
    x = torch.zeros(1, 1, 5, 6)
    x[..., 3:] = 1
    magnitude = sobel_magnitude(x)
    assert magnitude[0, 0, 2].tolist() == [0, 0, 4, 4, 0, 4]  # the last is the border of zeros


def test_content_loss_of_the_brighter_picture_is_zero_but_for_the_gradient() -> None:
    ir, vis_y = torch.rand(2, 1, 1, 176, 180)
    terms = content_loss(torch.maximum(ir, vis_y), ir, vis_y)
    assert terms["intensity"].item() == 0
    assert terms["structure"].item() == pytest.approx(0, abs=1e-5)
    assert terms["gradient"].item() > 0


def test_content_terms_against_their_formulas() -> None:
    torch.manual_seed(0)
    fused, ir, vis_y = torch.rand(3, 2, 1, 176, 176)
    terms = content_loss(fused, ir, vis_y)
    target = torch.maximum(ir, vis_y)
    assert terms["intensity"].item() == pytest.approx((fused - target).abs().mean().item())
    assert terms["structure"].item() == pytest.approx(1 - plain_ms_ssim(fused, target), abs=1e-4)


def plain_ms_ssim(x: Tensor, y: Tensor) -> float:
    """Wang et al. 2003 with an 11×11 Gaussian of σ 1.5, written out in double precision."""
    g = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5) ** 2) / (2 * 1.5**2))
    window = (torch.outer(g, g) / g.sum() ** 2)[None, None]
    x, y = x.double(), y.double()
    result = torch.ones(len(x), dtype=torch.float64)
    for scale, beta in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        blur = lambda z: torch.nn.functional.conv2d(z, window)  # noqa: E731
        mx, my = blur(x), blur(y)
        vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
        contrast = (2 * cov + 0.03**2) / (vx + vy + 0.03**2)
        value = contrast * (2 * mx * my + 0.01**2) / (mx**2 + my**2 + 0.01**2) if scale == 4 else contrast
        result *= value.mean((1, 2, 3)).clamp(min=0) ** beta
        x, y = (torch.nn.functional.avg_pool2d(z, 2) for z in (x, y))
    return float(result.mean())


@pytest.mark.parametrize("target", ["inverse", "constant"])
def test_gradients_stay_finite_where_structure_is_hopeless(target: str) -> None:
    torch.manual_seed(0)
    fused = torch.rand(1, 1, 176, 176, requires_grad=True)
    source = 1 - fused.detach() if target == "inverse" else torch.zeros(1, 1, 176, 176)
    sum(content_loss(fused, source, source).values()).backward()
    assert torch.isfinite(fused.grad).all()


def test_weight_terms_and_total_by_hand() -> None:
    def flat(value: float) -> Tensor:
        return torch.full((1, 1, 4, 4), value)

    terms = weight_loss(WeightMaps(flat(0.7), flat(0.4)), WeightMaps(flat(0.6), flat(0.2)))
    assert {k: round(v.item(), 5) for k, v in terms.items()} == {
        "weight_ir": 0.1,
        "weight_vis": 0.2,
        "complement": 0.1,
    }
    content = {"intensity": torch.tensor(0.1), "gradient": torch.tensor(0.2), "structure": torch.tensor(0.3)}
    assert generator_total({**content, **terms}).item() == pytest.approx(10 * 0.6 + 0.4)
