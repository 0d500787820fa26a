"""Tables and pictures: the only place that formats."""
