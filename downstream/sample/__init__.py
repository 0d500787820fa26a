"""Sample scenes: rendered pairs of infrared and visible street pictures with exact boxes and masks."""

from downstream.sample.writing import SampleConfig, is_sample, make_sample, pair_name, render_pair

__all__ = ["SampleConfig", "is_sample", "make_sample", "pair_name", "render_pair"]
