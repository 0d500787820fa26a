"""The same as `dwsfusion sample`."""

from downstream.commands import run

if __name__ == "__main__":
    run("sample")
