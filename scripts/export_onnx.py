"""The same as `dwsfusion export`."""

from downstream.commands import run

if __name__ == "__main__":
    run("export")
