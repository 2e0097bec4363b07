"""Deep networks of logistic units trained by Adam, as the accuracy benchmarks use them.

Autoencoders have cross-entropy reconstructions, and each stage a fixed number of epochs
with a step length that falls to 0.
"""

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier

# Of what was tried, what these learn serves few labels best.
SPARSE = {
    "tied_weights": True,
    "sparsity_target": 0.05,
    "sparsity_weight": 1,
    "learning_rate_init": 3e-3,
}


def epochs(n_epochs):
    """Return the parameters of a stage of so many epochs, both estimators' alike."""
    return {
        "solver": "adam",
        "learning_rate": "linear",
        "learning_rate_init": 1e-3,
        "max_iter": n_epochs,
        "n_iter_no_change": n_epochs,
        "tol": 0,
    }


def autoencoder(n_epochs, corruption=0.0, **changes):
    """Return an autoencoder, denoising where there is corruption."""
    parameters = {
        "loss": "log_loss",
        "sparsity_weight": 0,
        "alpha": 0,
        "random_state": 0,
    }
    return SparseAutoencoder(
        corruption=corruption, **epochs(n_epochs) | parameters | changes
    )


def network(size, n_epochs, prototype=None, **changes):
    """Return a classifier that is pretrained where there is a prototype."""
    parameters = {"alpha": 0, "random_state": 0}
    return StackedAutoencoderClassifier(
        size,
        autoencoder=prototype,
        pretrain=prototype is not None,
        **epochs(n_epochs) | parameters | changes,
    )
