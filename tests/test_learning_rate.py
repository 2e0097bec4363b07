"""Schedules of the learning rate, as users of both estimators see them."""

from functools import partial

import numpy as np
import pytest
from helpers import small_autoencoder, small_classifier

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

small = partial(small_autoencoder, n_components=20, sparsity_weight=0.1, max_iter=60)
classifier = partial(
    small_classifier,
    hidden_layer_sizes=(20,),
    pretraining={"sparsity_weight": 0.1, "max_iter": 30},
    max_iter=20,
)


def test_a_linear_schedule_comes_to_rest(few_digits, global_random_seed):
    X, y = few_digits
    settings = {
        "pretrain": False,
        "solver": "adam",
        "learning_rate_init": 0.1,
        "tol": 0,
        "n_iter_no_change": 100,
    }

    curves = [
        classifier(
            learning_rate=schedule,
            max_iter=20,
            **settings,
            random_state=global_random_seed,
        )
        .fit(X, y)
        .loss_curve_
        for schedule in ("constant", "linear")
    ]
    # The last epochs differ less from each other.
    constant, linear = (np.ptp(curve[-3:]) for curve in curves)
    assert linear < constant


@pytest.mark.filterwarnings("error:Stopped after max_iter")
@pytest.mark.parametrize("make", [small, classifier])
def test_a_linear_schedule_has_all_its_epochs(make, few_digits):
    settings = {"solver": "adam", "tol": 1e9, "n_iter_no_change": 1, "max_iter": 7}
    assert make(learning_rate="linear", **settings).fit(*few_digits).n_iter_ == 7
    assert make(learning_rate="constant", **settings).fit(*few_digits).n_iter_ == 2
    # Validation rows may end it, and 'lbfgs' has no learning rate.
    settings["learning_rate"] = "linear"
    validated = make(early_stopping=True, validation_fraction=0.3, **settings)
    assert validated.fit(*few_digits).n_iter_ == 2
    settings["solver"] = "lbfgs"
    assert make(**settings).fit(*few_digits).n_iter_ == 2
