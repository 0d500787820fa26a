"""The same as `dwsfusion app`."""

from downstream.commands import run

if __name__ == "__main__":
    run("app")
