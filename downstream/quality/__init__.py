"""Fusion quality of the inputs of a comparison, and whether it tells anything about the tasks."""
