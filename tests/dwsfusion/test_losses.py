import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dwsfusion.generator import WeightMaps
from dwsfusion.losses import LossWeights, complement_loss, content_loss, ms_ssim, sobel, total_loss, weight_loss

PUBLISHED = LossWeights()
ALL = LossWeights(sources=1, edges=1)


def test_sobel_of_a_step_by_hand() -> None:
    x = torch.zeros(1, 1, 5, 6)
    x[..., 3:] = 1
    right, down = sobel(x)[0]
    assert right[2].tolist() == [0, 0, 4, 4, 0, -4]  # the last is the border of zeros
    assert down[2].tolist() == [0] * 6
    assert torch.equal(sobel(x.mT)[0, 1], right.T)


def test_content_loss_of_the_brighter_picture_is_zero_but_for_the_gradients() -> None:
    ir, vis_y = torch.rand(2, 1, 1, 176, 180)
    terms = content_loss(torch.maximum(ir, vis_y), ir, vis_y, ALL)
    assert terms["intensity"].item() == 0
    assert terms["structure"].item() == pytest.approx(0, abs=1e-5)
    assert min(terms[name].item() for name in ("gradient", "edges", "sources")) > 0.01


def test_all_content_terms_are_zero_where_all_three_pictures_are_one() -> None:
    picture = torch.rand(2, 1, 176, 180)
    terms = content_loss(picture, picture, picture, ALL)
    assert {name: round(term.item(), 5) for name, term in terms.items()} == dict.fromkeys(
        ("intensity", "gradient", "edges", "structure", "sources"), 0
    )


def test_edges_tell_a_picture_from_its_negative_and_gradients_do_not() -> None:
    ir, vis_y = torch.rand(1, 1, 176, 176), torch.full((1, 1, 176, 176), 0.5)
    inside = (..., slice(1, -1), slice(1, -1))
    assert torch.allclose(sobel(1 - ir)[inside], -sobel(ir)[inside], atol=1e-5)
    kept, turned = (content_loss(fused, ir, vis_y, ALL) for fused in (ir, 1 - ir))
    assert kept["edges"] < 0.1 * turned["edges"]
    assert turned["gradient"] < 0.2 * turned["edges"]


def test_content_terms_against_their_formulas() -> None:
    torch.manual_seed(0)
    fused, ir, vis_y = torch.rand(3, 2, 1, 176, 176)
    terms = content_loss(fused, ir, vis_y, ALL)
    target = torch.maximum(ir, vis_y)
    assert terms["intensity"].item() == pytest.approx((fused - target).abs().mean().item())
    assert terms["structure"].item() == pytest.approx(1 - plain_ms_ssim(fused, target), abs=1e-4)
    across = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])[None, None]
    (f, i, v) = (torch.cat([F.conv2d(x, k, padding=1) for k in (across, across.mT)], 1) for x in (fused, ir, vis_y))
    strong_i, strong_v = i.abs().sum(1, True), v.abs().sum(1, True)
    gradient = (f.abs().sum(1, True) - torch.maximum(strong_i, strong_v)).abs().mean()
    assert terms["gradient"].item() == pytest.approx(gradient.item(), rel=1e-5)
    assert terms["edges"].item() == pytest.approx((f - torch.where(strong_i > strong_v, i, v)).abs().mean().item())
    both = (plain_ms_ssim(fused, ir) + plain_ms_ssim(fused, vis_y)) / 2
    assert terms["sources"].item() == pytest.approx(1 - both, abs=1e-4)


@pytest.mark.parametrize("size", [(176, 176), (181, 250)])
def test_ms_ssim_against_its_formula_picture_by_picture(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    a = torch.rand(2, 1, *size)
    b = torch.stack([a[0], (a[1] + 0.3 * torch.rand(1, *size)).clamp(0, 1)])
    expected = [plain_ms_ssim(a[i : i + 1], b[i : i + 1]) for i in range(2)]
    assert ms_ssim(a, b).tolist() == pytest.approx(expected, abs=1e-4)
    assert expected[0] == pytest.approx(1)
    assert expected[1] < 0.99


def test_terms_of_no_weight_are_not_computed() -> None:
    pictures = torch.rand(3, 1, 1, 176, 176)
    only = LossWeights(intensity=1, gradient=0, structure=0)
    assert list(content_loss(*pictures, only)) == ["intensity"]


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
    sum(content_loss(fused, source, source, ALL).values()).backward()
    assert torch.isfinite(fused.grad).all()


def test_weight_terms_and_total_by_hand() -> None:
    def flat(value: float) -> Tensor:
        return torch.full((1, 1, 4, 4), value)

    maps = WeightMaps(flat(0.7), flat(0.4))
    terms = {
        "intensity": torch.tensor(0.1),
        "dual": weight_loss(maps, WeightMaps(flat(0.6), flat(0.2))),
        "complement": complement_loss(maps),
        "adversarial": torch.tensor(-3.0),
    }
    assert terms["dual"].item() == pytest.approx(0.1 + 0.2)
    assert terms["complement"].item() == pytest.approx(0.1)
    assert total_loss(terms, PUBLISHED).item() == pytest.approx(10 * 0.1 + 0.3 + 0.1 - 0.1 * 3)
