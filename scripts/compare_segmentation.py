"""The same as `dwsfusion segmentation`."""

from downstream.commands import run

if __name__ == "__main__":
    run("segmentation")
