import pytest

from downstream.comparison import timing
from downstream.comparison.timing import Stopwatch


def test_steps_are_added_up_and_the_share_of_the_models_is_told(monkeypatch):
    ticks = iter([0.0, 2.0, 10.0, 16.0, 20.0, 22.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    clock = Stopwatch()
    with clock.step("fuse"):
        pass
    with clock.step("predict"):
        pass
    with pytest.raises(KeyError), clock.step("fuse"):
        raise KeyError
    clock.in_models = 5.0
    assert clock.record() == {"fuse": 4, "predict": 6, "total": 10, "in_models": 5}
    assert clock.in_words() == "time 10.0 s: fuse 4.0 s, predict 6.0 s; 50 % in the predicting models themselves"
