"""Object detection on every input of a comparison."""
