import pytest
import torch
from torch import nn

from dwsfusion.critic import Critic, adversarial_loss, critic_loss


def test_shape_and_parameters_by_hand() -> None:
    critic = Critic((176, 181))
    assert critic(torch.rand(3, 1, 176, 181)).shape == (3, 1)
    convolutions = (1 * 9 + 1) * 4 + (4 * 9 + 1) * 8 + (8 * 9 + 1) * 16
    assert sum(p.numel() for p in critic.parameters()) == convolutions + 2 * (4 + 8 + 16) + 16 * 22 * 22 + 1


def test_the_last_layer_is_kept_between_calls() -> None:
    critic = Critic((176, 176)).eval()
    picture = torch.rand(2, 1, 176, 176)
    assert torch.equal(critic(picture), critic(picture))
    adversarial_loss(critic(picture)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in critic.parameters())


def test_distance_and_penalty_of_a_linear_critic_by_hand() -> None:
    """Score 3·(sum of the pixels): the slope is 3 at each of the four pixels, its norm 6 wherever it is taken."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
    nn.init.constant_(critic[1].weight, 3)
    real, fused = torch.full((2, 1, 2, 2), 0.75), torch.full((2, 1, 2, 2), 0.25)
    found = critic_loss(critic, real, fused, torch.tensor([0.1, 0.9]).view(2, 1, 1, 1))
    assert found["distance"].item() == pytest.approx(3 * 4 * (0.25 - 0.75))
    assert found["penalty"].item() == pytest.approx((6 - 1) ** 2)
    assert adversarial_loss(critic(fused)).item() == pytest.approx(-3)
    found["penalty"].backward()
    assert critic[1].weight.grad.abs().min() > 0


def test_a_critic_learns_to_tell_bright_from_dark() -> None:
    critic = Critic((16, 16))
    optimiser = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
    distances = []
    for _ in range(30):
        real, fused = 0.5 + 0.5 * torch.rand(4, 1, 16, 16), 0.5 * torch.rand(4, 1, 16, 16)
        found = critic_loss(critic, real, fused, torch.rand(4, 1, 1, 1))
        optimiser.zero_grad()
        (found["distance"] + 10 * found["penalty"]).backward()
        optimiser.step()
        distances.append(found["distance"].item())
    assert sum(distances[-5:]) < sum(distances[:5]) - 0.5
