"""The defaults of `minigrad train`, and what single data sets change in them."""

DEFAULTS = {
    "hidden": "64",
    "epochs": 30,
    "batch_size": 32,
    "lr": 0.1,
    "weight_decay": 0.001,
    "label_smoothing": 0.0,
    "scale": "standard",
}

# Chosen by validation accuracy over seeds 0 to 9.
OWN_DEFAULTS = {"digits": {"hidden": "128", "label_smoothing": 0.1}, "spirals": {"hidden": "64,64"}}

# Of a folder of IDX images. Divided by its deviation, a pixel that is dark in almost every image
# is in the others so large that the first steps diverge.
IMAGES = {"hidden": "128", "scale": "minmax"}
