"""Write the saved models that every later version must read, and what they predict.

    python tests/data/write_models.py

writes ``models-VERSION.pickle`` and ``models-VERSION.npz`` beside this file. Run it
with the oldest supported dependencies: newer numpy reads what older numpy wrote, not
always the other way round.
"""

import pickle
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris

import skstackedae
from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

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
}


def fit_models():
    """Fit one small model of each class; return them and the rows they predict."""
    X, y = load_iris(return_X_y=True)
    X = (X / 8).astype(np.float32)
    prototype = SparseAutoencoder(3, sparsity_weight=0.01, tol=0.1, random_state=0)
    models = {
        "autoencoder": prototype.fit(X),
        "classifier": StackedAutoencoderClassifier(
            (3, 2), autoencoder=prototype, max_iter=300, random_state=0
        ).fit(X, np.array(["setosa", "versicolor", "virginica"])[y]),
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


def main():
    """Write both files."""
    models, X = fit_models()
    path = Path(__file__).with_name(f"models-{skstackedae.__version__}.pickle")
    path.write_bytes(pickle.dumps(models, protocol=PROTOCOL))
    np.savez_compressed(path.with_suffix(".npz"), X=X, **outputs(models, X))


if __name__ == "__main__":
    main()
