"""Many pictures and many machines: lists of pairs, shards, and the putting together of what shards made."""
