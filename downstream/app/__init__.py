"""A local page: drop a pair of pictures, see them fused and what networks make of them."""
