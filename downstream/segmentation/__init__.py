"""Semantic segmentation on every input of a comparison."""
