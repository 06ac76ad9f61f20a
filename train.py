"""Train a classifier from a clone: `python train.py [DATA]` is `minigrad train [DATA]`."""

from minigrad_main import main

if __name__ == "__main__":
    main("train", "train.py")
