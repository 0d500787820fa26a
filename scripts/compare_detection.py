"""The same as `dwsfusion detection`."""

from downstream.commands import run

if __name__ == "__main__":
    run("detection")
