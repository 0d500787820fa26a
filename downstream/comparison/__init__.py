"""What every comparison does, whatever its task: inputs, plan, jobs, uncertainty, and the road through them."""
