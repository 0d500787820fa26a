"""The same as `dwsfusion fuse`."""

from downstream.commands import run

if __name__ == "__main__":
    run("fuse")
