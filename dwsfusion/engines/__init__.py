"""Ways to run a generator without gradients."""
