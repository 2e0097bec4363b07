"""Deep networks trained by Adam, as the accuracy benchmarks use them.

Units are logistic and autoencoders have cross-entropy reconstructions unless changed.
Each stage has a fixed number of epochs and a learning rate that falls to 0.
"""

from skstackedae import SparseAutoencoder, StackedAutoencoderClassifier
from skstackedae._layer_prototypes import DENOISING

# Of the sparse autoencoders that were tried, the best for deep networks.
SPARSE = {
    "tied_weights": True,
    "sparsity_target": 0.05,
    "sparsity_weight": 1,
    "learning_rate_init": 3e-3,
}


def epochs(n_epochs):
    """Return the parameters of a stage with n_epochs, the same for both estimators."""
    return {
        "solver": "adam",
        "learning_rate": "linear",
        "learning_rate_init": 1e-3,
        "max_iter": n_epochs,
    }


def autoencoder(n_epochs, corruption=0.0, **changes):
    """Return an autoencoder, with masking noise if corruption is not 0."""
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
    """Return a classifier, with pretraining if there is a prototype."""
    parameters = {
        "autoencoder": prototype,
        "pretrain": prototype is not None,
        "alpha": 0,
        "random_state": 0,
    }
    return StackedAutoencoderClassifier(size, **epochs(n_epochs) | parameters | changes)


def denoising_layers(n_layers=2, **changes):
    """Return the prototypes that ``autoencoder="denoising"`` means for pixels."""
    first, above = {"loss": "log_loss"}, {"decoder_activation": "identity"}
    return [
        SparseAutoencoder(**DENOISING | decoder | changes)
        for decoder in (first, *[above] * (n_layers - 1))
    ]


def few_labels_network(quick=False, memory=None, **changes):
    """Return the network that learns from few labels and from many unlabeled rows."""
    settings = {"max_iter": 10 if quick else 40, "memory": memory, "random_state": 0}
    size = (30, 30) if quick else (1_000, 1_000)
    return StackedAutoencoderClassifier.for_few_labels(size, **settings | changes)
