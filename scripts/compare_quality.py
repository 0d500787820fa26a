"""The same as `dwsfusion quality`."""

from downstream.commands import run

if __name__ == "__main__":
    run("quality")
