"""Training of one sparse autoencoder: from rows and settings to its two layers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from .._array_api import Array
from .._network.activations import (
    ACTIVATIONS,
    IDENTITY,
    activation_of,
    name_of_top_k,
)
from .._network.layers import Layer, make_layers
from .._network.layout import ParameterLayout
from .._network.losses import RECONSTRUCTION_LOSSES, ObservedEntries
from .._network.penalties import (
    KLSparsity,
    L1Sparsity,
    MeanPenalty,
    RowPenalty,
    normalize_rows,
)
from .._rows.feature_maps import FeatureMap
from .._rows.noise import Corruption, Emphasis
from .._rows.preparation import prepare_rows, train_validation_split
from .._rows.rows import Rows
from .callbacks import Attributes, Task
from .diagnostics import ActivationStatistics, check_range, warn_inactive_units
from .objectives import AutoencoderObjective, mean_loss
from .solvers import AdamParts
from .stage import Stage, StageRecord
from .standardization import for_mapped_features, for_raw_features, measure_features
from .stopping import HeldOutScores

# Norms of the weights of units that start as directions, by the kind of sparsity. Small
# norms learn faster, but leave more units unused. Top-k: with 1, five epochs
# explain 0.72 instead of 0.73 of the variance of sentence embeddings; with 0.2, half of
# the units are idle on digits instead of a sixth. L1: with 0.5, 37 units explain 0.32,
# with 0.2, 20 units explain 0.34; with 0.1, 17 % of the units are never on for digits
# instead of 2 %.
INITIAL_NORMS = {"top_k": 0.5, "l1": 0.2}


@dataclass(frozen=True)
class AutoencoderSettings:
    """The parameters of an estimator that describe the autoencoder."""

    n_components: int
    activation: str
    decoder_activation: str
    loss: str
    alpha: float
    sparsity: str
    #: A fraction, or a number of units.
    sparsity_target: Any
    sparsity_weight: float
    idle_weight: float
    normalize_decoder: bool
    solver: str
    corruption: float
    corruption_kind: str
    emphasis: float
    tied_weights: bool
    standardize: bool
    missing_values: float | None
    early_stopping: bool
    validation_fraction: float

    def check(self) -> None:
        """Check that the settings agree with each other."""
        if self.loss == "log_loss" and self.decoder_activation != "logistic":
            raise ValueError(
                f"loss='log_loss' needs probabilities, but decoder_activation="
                f"{self.decoder_activation!r} gives none: set decoder_activation="
                "'logistic', or loss='squared_error'."
            )
        is_bounded = ACTIVATIONS[self.activation].is_bounded
        if self.sparsity == "kl" and self.sparsity_weight > 0 and not is_bounded:
            raise ValueError(
                f"sparsity_weight={self.sparsity_weight!r} needs units with a bounded "
                f"range, but activation={self.activation!r} is unbounded: set "
                "sparsity_weight=0, sparsity='l1' or 'top_k', or activation='logistic' "
                "or 'tanh'."
            )
        if isinstance(self.sparsity_target, Integral):
            self._check_count(int(self.sparsity_target))
        if self.sparsity == "top_k" and self.idle_weight > 0 and self.solver != "adam":
            raise ValueError(
                f"idle_weight={self.idle_weight!r} changes which units it is about at "
                f"every step, which solver={self.solver!r} cannot follow: set "
                "solver='adam', or idle_weight=0."
            )
        if self.normalize_decoder and (self.solver != "adam" or self.tied_weights):
            raise ValueError(
                "normalize_decoder=True needs solver='adam' and tied_weights=False, "
                f"but solver={self.solver!r} and tied_weights={self.tied_weights!r}: "
                "change them, or set normalize_decoder=False."
            )

        if self.standardize and self.decoder_activation != "identity":
            raise ValueError(
                "standardize=True needs reconstructions without limits, but "
                f"decoder_activation={self.decoder_activation!r}: set "
                "decoder_activation='identity', or standardize=False."
            )
        if self.standardize and self.corruption_kind != "masking":
            raise ValueError(
                "standardize=True has no smallest and largest value for "
                f"corruption_kind={self.corruption_kind!r}: set "
                "corruption_kind='masking'."
            )

    def _check_count(self, k: int) -> None:
        """Check a number of units in place of a fraction."""
        if self.sparsity == "kl" and self.sparsity_weight > 0:
            raise ValueError(
                f"sparsity_target={k} is a number of units, which sparsity='kl' does "
                "not fix: pass the desired mean activation, a float in (0, 1), or set "
                "sparsity='top_k'."
            )
        if self.sparsity == "top_k" and k > self.n_components:
            raise ValueError(
                f"sparsity_target={k} is more than the {self.n_components} units of "
                "the layer: lower it, or pass the fraction of the units that are on."
            )

    @property
    def hidden_activation(self) -> str:
        """Name of the activation of the hidden units."""
        if self.sparsity != "top_k":
            return self.activation
        k = self.sparsity_target
        if not isinstance(k, Integral):
            k = max(1, round(k * self.n_components))
        return name_of_top_k(self.activation, int(k))

    @property
    def starts_as_directions(self) -> bool:
        """Whether units start as directions from the mean of the data."""
        return self.sparsity in INITIAL_NORMS

    @property
    def mean_penalty(self) -> MeanPenalty | None:
        """The penalty on mean activations."""
        if self.sparsity != "kl" or self.sparsity_weight == 0:
            return None
        return KLSparsity(self.sparsity_target, self.sparsity_weight)

    @property
    def row_penalty(self) -> RowPenalty | None:
        """The penalty on the activations of each row."""
        if self.sparsity != "l1" or self.sparsity_weight == 0:
            return None
        return L1Sparsity(self.sparsity_weight)

    def measure_features(self, rows: Rows) -> FeatureMap | None:
        """Return what happens to the entries of these rows before they are used."""
        return measure_features(
            rows,
            standardize=self.standardize,
            fills=self.missing_values is not None,
        )

    def layout(self, n_features: int) -> ParameterLayout:
        """Order of the parameters for inputs of this width."""
        return ParameterLayout(
            (n_features, self.n_components, n_features), tied=self.tied_weights
        )

    def corruption_of(
        self, rows: Rows, random_state: np.random.RandomState
    ) -> Corruption | None:
        """Return the noise in rows, which has its own seed."""
        values = (0.0, 0.0)
        if self.corruption_kind == "salt_and_pepper":
            values = rows.value_range()
        return Corruption.draw(self.corruption, random_state, values)

    def objective(
        self, rows: Rows, noise: Corruption | None = None
    ) -> AutoencoderObjective:
        """Return the function of theta that training minimizes."""
        emphasis = None
        if noise is not None and self.emphasis > 0:
            weight = 1.0 - self.emphasis
            emphasis = Emphasis(noise, weight, rows.n_features, rows.dtype)
        layout = self.layout(rows.n_features)
        loss = RECONSTRUCTION_LOSSES[self.loss](ACTIVATIONS[self.decoder_activation])
        return AutoencoderObjective(
            rows.cut_for(sum(layout.sizes)).with_noise(noise),
            layout,
            activation_of(self.hidden_activation),
            loss if self.missing_values is None else ObservedEntries(loss),
            alpha=self.alpha,
            mean_penalty=self.mean_penalty,
            row_penalty=self.row_penalty,
            emphasis=emphasis,
            has_unit_norms=self.normalize_decoder,
            idle_weight=self.idle_weight if self.sparsity == "top_k" else 0.0,
        )

    def layers(self, theta: Array, rows: Rows) -> list[Layer]:
        """Encoder and decoder, in the precision of the rows."""
        return self._layers(theta, rows, rows.n_features)

    def _layers(self, theta: Array, rows: Rows, n_features: int) -> list[Layer]:
        coefs, intercepts = self.layout(n_features).unpack(rows.place(theta))
        names = (self.hidden_activation, self.decoder_activation)
        return make_layers(coefs, intercepts, map(activation_of, names))

    def initial_layers(self, rows: Rows, n_features: int, seed: int) -> list[Layer]:
        """Return the encoder and decoder from which training would start."""
        theta = self.initial_theta(n_features, np.random.RandomState(seed))
        return self._layers(theta, rows, n_features)

    def initial_theta(
        self,
        n_features: int,
        random_state: np.random.RandomState,
        layers: Sequence[Layer] | None = None,
    ) -> Array:
        """Draw the vector from which training starts, or take it from layers."""
        layout = self.layout(n_features)
        if layers is None:
            theta = layout.initialize(random_state)
            if self.starts_as_directions:
                layout.tie_directions(theta, INITIAL_NORMS[self.sparsity])
            if self.normalize_decoder:
                normalize_rows(layout.unpack(theta)[0][1])
            return theta
        return layout.pack([layer.W for layer in layers], [layer.b for layer in layers])


@dataclass(frozen=True)
class TrainedAutoencoder:
    """Encoder and decoder, mean activations, the record of training, features' map."""

    layers: list[Layer]
    mean_activations: Array
    record: StageRecord
    feature_map: FeatureMap | None = None


def train_autoencoder(
    rows: Rows,
    settings: AutoencoderSettings,
    stage: Stage,
    random_state: np.random.RandomState,
    *,
    task: Task,
    initial: Sequence[Layer] | None = None,
    fitted_attributes: Callable[..., Attributes] | None = None,
) -> TrainedAutoencoder:
    """Fit to prepared rows without targets, from random weights or initial layers.

    ``fitted_attributes`` maps layers and the map of the features to the fitted
    attributes that callbacks see.
    """
    scored = None
    if settings.early_stopping:
        train, held_out = train_validation_split(
            np.arange(rows.n_rows), settings.validation_fraction, random_state
        )
        scored = rows.take(held_out)
        rows = prepare_rows(rows.take(train), canonical=False)
    feature_map = settings.measure_features(rows)
    rows = rows.with_feature_map(feature_map)
    scores = None
    if scored is not None:
        scores = _held_out_scores(scored.with_feature_map(feature_map), settings, stage)
    objective, theta0 = _begin(rows, settings, stage, random_state, initial)

    def attributes(theta: Array) -> Attributes:
        assert fitted_attributes is not None
        layers = settings.layers(theta, rows)
        return fitted_attributes(for_raw_features(layers, rows), feature_map)

    theta, record = stage.run(
        objective,
        theta0,
        random_state,
        task=task,
        fitted_attributes=fitted_attributes and attributes,
        held_out=scores,
    )
    layers, units = _finish(objective, settings, theta)
    warn_inactive_units(units, layers, objective.rows, stage.title, settings.sparsity)
    return TrainedAutoencoder(
        for_raw_features(layers, rows),
        layers[0].activation.mean_activation(units.mean),
        record,
        feature_map,
    )


def train_autoencoder_epoch(
    rows: Rows,
    settings: AutoencoderSettings,
    stage: Stage,
    random_state: np.random.RandomState,
    *,
    adam_state: AdamParts | None,
    initial: Sequence[Layer] | None = None,
) -> tuple[list[Layer], Array, float, AdamParts]:
    """Make one pass over rows; return layers, mean activations, loss, Adam's state."""
    objective, theta0 = _begin(rows, settings, stage, random_state, initial)
    theta, loss, adam_state = stage.run_epoch(
        objective, theta0, adam_state, random_state
    )
    layers, units = _finish(objective, settings, theta)
    mean = layers[0].activation.mean_activation(units.mean)
    return layers, mean, loss, adam_state


def _begin(
    rows: Rows,
    settings: AutoencoderSettings,
    stage: Stage,
    random_state: np.random.RandomState,
    initial: Sequence[Layer] | None,
) -> tuple[AutoencoderObjective, Array]:
    """Return the objective, and the vector from which training starts."""
    decoder = ACTIVATIONS[settings.decoder_activation]
    # The user can scale X, but not the output of a layer.
    can_be_scaled = stage.layer in (None, 1)
    check_range(rows, decoder, settings.loss, stage.title, can_be_scaled=can_be_scaled)
    if initial is not None:
        initial = for_mapped_features(initial, rows)
    theta0 = settings.initial_theta(rows.n_features, random_state, initial)
    if initial is None and settings.starts_as_directions:
        mean = ActivationStatistics.from_rows(rows, []).mean
        settings.layout(rows.n_features).center(theta0, mean, decoder is IDENTITY)
    noise = settings.corruption_of(rows, random_state)
    return settings.objective(rows, noise), rows.place(theta0)


def _finish(
    objective: AutoencoderObjective, settings: AutoencoderSettings, theta: Array
) -> tuple[list[Layer], ActivationStatistics]:
    layers = settings.layers(theta, objective.rows)
    return layers, ActivationStatistics.from_rows(objective.rows, layers[:1])


def _held_out_scores(
    rows: Rows, settings: AutoencoderSettings, stage: Stage
) -> HeldOutScores:
    """Score a vector by how well it reconstructs held-out rows."""
    objective = settings.objective(prepare_rows(rows, canonical=False))
    return HeldOutScores(
        lambda theta: -mean_loss(objective, theta), 0.0, stage.settings.patience
    )
