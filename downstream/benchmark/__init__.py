"""All comparisons of a data set as one plan, and what came of them in one file and one report."""
