"""A third task, to see what one costs: how many people are there?"""
