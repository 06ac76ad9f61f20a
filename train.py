"""Train a classifier from a clone: `python train.py [DATA]` is `minigrad train [DATA]`."""

from minigrad.cli.commands import train

if __name__ == "__main__":
    train(prog_name="train.py")
