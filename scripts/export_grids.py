"""The same as `dwsfusion grids`."""

from downstream.commands import run

if __name__ == "__main__":
    run("grids")
