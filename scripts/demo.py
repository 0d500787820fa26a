"""The same as `dwsfusion demo`."""

from downstream.commands import run

if __name__ == "__main__":
    run("demo")
