"""The same as `dwsfusion profile`."""

from downstream.commands import run

if __name__ == "__main__":
    run("profile")
