"""Write the saved models that every later version must read, and what they predict.

    python tests/data/write_models.py

writes ``models-VERSION.pickle`` and ``models-VERSION.npz`` beside this file. Run it
with the oldest supported dependencies: newer numpy reads what older numpy wrote, not
always the other way round. Then run

    python tests/data/write_models.py skops

with the newest ones: it writes the same models to ``models-VERSION.skops``, which all
supported versions must read.
"""

import pickle
import sys
import zipfile
from pathlib import Path

import numpy as np
import skops.io
from sklearn.datasets import load_iris

import skstackedae
from skstackedae import (
    ReconstructionOutlierDetector,
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
    StackedAutoencoderRegressor,
)

# The default of all supported versions of Python.
PROTOCOL = 4

METHODS = {
    "autoencoder": ["transform", "inverse_transform", "score_samples"],
    "classifier": [
        "predict",
        "predict_proba",
        "decision_function",
        "transform",
        "inverse_transform",
    ],
    "regressor": ["predict", "transform", "inverse_transform"],
    "stack": ["transform", "inverse_transform", "score_samples"],
    "detector": ["predict", "decision_function", "score_samples"],
}


def fit_models():
    """Fit one small model of each class; return them and the rows they predict."""
    X, y = load_iris(return_X_y=True)
    X = (X / 8).astype(np.float32)
    prototype = SparseAutoencoder(3, sparsity_weight=0.01, tol=0.1, random_state=0)
    settings = {"autoencoder": prototype, "max_iter": 300, "random_state": 0}
    models = {
        "autoencoder": prototype.fit(X),
        "classifier": StackedAutoencoderClassifier((3, 2), **settings).fit(
            X, np.array(["setosa", "versicolor", "virginica"])[y]
        ),
        "regressor": StackedAutoencoderRegressor((3, 2), **settings).fit(X, y),
        "stack": StackedAutoencoder((3, 2), **settings).fit(X),
        "detector": ReconstructionOutlierDetector(random_state=0).fit(X),
    }
    return models, X[::15]


def outputs(models, X):
    """Name and compute what each method returns; decoders get what was encoded."""
    found = {}
    for name, methods in METHODS.items():
        model = models[name]
        for method in methods:
            given = model.transform(X) if method == "inverse_transform" else X
            found[f"{name}.{method}"] = getattr(model, method)(given)
    return found


def write_pickle(path):
    """Write fitted models, and what they predict."""
    models, X = fit_models()
    path.write_bytes(pickle.dumps(models, protocol=PROTOCOL))
    np.savez_compressed(path.with_suffix(".npz"), X=X, **outputs(models, X))


def write_skops(path):
    """Write the models of the pickle."""
    models = pickle.loads(path.read_bytes())
    skops.io.dump(models, path.with_suffix(".skops"), compression=zipfile.ZIP_DEFLATED)


if __name__ == "__main__":
    path = Path(__file__).with_name(f"models-{skstackedae.__version__}.pickle")
    write_skops(path) if sys.argv[1:] == ["skops"] else write_pickle(path)
