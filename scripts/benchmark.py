"""The same as `dwsfusion benchmark`."""

from downstream.commands import run

if __name__ == "__main__":
    run("benchmark")
