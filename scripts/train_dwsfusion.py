"""The same as `dwsfusion train`."""

from downstream.commands import run

if __name__ == "__main__":
    run("train")
