"""The same as `dwsfusion merge`."""

from downstream.commands import run

if __name__ == "__main__":
    run("merge")
