"""The base class of stacks that learn from targets: output layer, deep features."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from . import _input_checks as checks
from ._array_api import Weights, cast, compute_dtype, copied, dtype_of, is_on_device
from ._base_stacked import BaseStacked
from ._layer_prototypes import LayerAutoencoder
from ._network.layers import Layer, forward_output
from ._network.losses import Loss
from ._rows.cluster import is_on_cluster, map_lazily, same
from ._rows.rows import Rows
from ._rows.stored import in_memory
from ._rows.threads import Threads
from ._training.network import NetworkStage, Regularization, zero_output_layer
from ._training.pretraining import LayerPair
from ._training.propagation import place
from ._training.settings import from_parameters


def _check_has_decoders(stack: "BaseSupervisedStack") -> None:
    is_fitted = hasattr(stack, "coefs_")
    if not (hasattr(stack, "autoencoders_") if is_fitted else stack.pretrain):
        raise AttributeError(
            f"{type(stack).__name__} has no inverse_transform, because it has no "
            "decoders: set pretrain=True."
        )


def _converted(X: Any) -> Any:
    """Return a copy of X in the precision of the computation."""
    if is_on_cluster(X):
        return map_lazily(same, X, dtype=compute_dtype(X.dtype))
    if is_on_device(X):
        return copied(cast(X, compute_dtype(dtype_of(X))))
    return in_memory(X).astype(compute_dtype(X.dtype), copy=True)


class BaseSupervisedStack(BaseStacked):
    """A stack that trains its output layer on targets, then all layers together.

    Abstract: an estimator defines its targets.
    """

    # Name of the stage that trains only the output layer.
    _output_stage: str

    @property
    @abstractmethod
    def _loss(self) -> Loss:
        """Loss at the output of the network."""

    @abstractmethod
    def _rows_for_validation(
        self, X: Any, y: Any, sample_weight: Weights, threads: Threads, rows: Rows
    ) -> Rows:
        """Check validation rows beside training rows; return those with targets."""

    @abstractmethod
    def _n_targets(self) -> int:
        """Number of outputs of the network."""

    def transform(self, X: Any) -> Any:
        """Return the deep features, which are the input of the output layer.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
            Activations of the last hidden layer. Without hidden layers, a copy of X.
        """
        layers = self._layers()[:-1]
        X = self._validated(X)
        checks.check_same_place(self, X, "transform")
        if layers:
            return self._map_features(forward_output, X, layers)
        # A copy, because X belongs to the caller.
        return _converted(X)

    @checks.available_if(_check_has_decoders)
    def inverse_transform(self, X: Any) -> Any:
        """Decode deep features with the decoders of the pretrained autoencoders.

        Fine-tuning changes the encoders but not the decoders. Reconstructions are
        therefore better with ``fine_tune=False``.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components)
            Activations of the last hidden layer, as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            Reconstructed samples.
        """
        H = self._validated_features(X)
        checks.check_same_place(self, H, "inverse_transform")
        if not self.activations_:
            return _converted(H)
        decoders = [layer._layers()[1] for layer in reversed(self.autoencoders_)]
        return self._map_rows(forward_output, H, decoders)

    @property
    def _n_encoders(self) -> int:
        return len(self.coefs_) - 1

    def _validation_rows(
        self,
        X_val: Any,
        y_val: Any,
        sample_weight_val: Weights,
        threads: Threads,
        rows: Rows,
    ) -> Rows | None:
        if X_val is None and y_val is None and sample_weight_val is None:
            return None
        if X_val is None or y_val is None:
            raise ValueError("X_val and y_val go together: pass both or neither.")
        given = X_val, y_val, sample_weight_val
        try:
            return self._rows_for_validation(*given, threads, rows)
        except ValueError as error:
            raise ValueError(f"X_val, y_val, sample_weight_val: {error}") from error

    def _upper_stages(self, n_hidden: int) -> list[tuple[str, int]]:
        """Stages 2 and 3: training of the output layer, fine-tuning, or both."""
        fine_tunes = self.fine_tune and n_hidden > 0
        stages = []
        if not (fine_tunes and self._is_warm_start()):
            stages.append((self._output_stage, n_hidden))
        if fine_tunes:
            stages.append(("fine-tuning", 0))
        return stages

    def _network_stage(self, name: str, n_fixed: int) -> NetworkStage:
        regularization = from_parameters(Regularization, self.get_params(deep=False))
        return NetworkStage(self._stage(name), n_fixed, regularization, self._loss)

    def _set_output(
        self, autoencoders: list[LayerAutoencoder], reuses_network: bool
    ) -> None:
        """Do nothing: the output belongs to the targets."""

    def _check_solver(self) -> None:
        """Check that options that need mini-batches are used with 'adam'."""
        without_effect = {"dropout": 0, "max_norm": None, "pseudo_label_weight": 0}
        given = [
            name
            for name, default in without_effect.items()
            if getattr(self, name, default) != default
        ]
        if self.solver != "adam" and given:
            values = ", ".join(f"{name}={getattr(self, name)!r}" for name in given)
            defaults = ", ".join(f"{name}={without_effect[name]!r}" for name in given)
            raise ValueError(
                f"{values}: this needs mini-batches, but solver={self.solver!r} does "
                f"not use them. Set solver='adam', or {defaults}."
            )

    def _network(self, pairs: Sequence[LayerPair], rows: Rows) -> list[Layer]:
        """Put an output layer of zeros above the hidden layers."""
        encoders = [encoder for encoder, _ in pairs]
        n_in = encoders[-1].b.shape[0] if encoders else rows.n_features
        output = zero_output_layer(n_in, self._n_targets())
        return [*encoders, place(output, rows)]
