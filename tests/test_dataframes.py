"""Data frames in and out: pandas and polars, names, nullable types, what is refused."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.frozen import FrozenEstimator

from skstackedae import (
    SparseAutoencoder,
    StackedAutoencoder,
    StackedAutoencoderClassifier,
    StackedAutoencoderRegressor,
)

pytestmark = pytest.mark.filterwarnings("ignore:Stopped after max_iter")

COLUMNS = ["sepal length", "sepal width", "petal length", "petal width"]
FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=COLUMNS),
    "polars": lambda X: pl.DataFrame(X, schema=COLUMNS, orient="row"),
}
FRAME_TYPES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}

PROTOTYPE = SparseAutoencoder(3, sparsity_weight=0.01, max_iter=20, random_state=0)
ESTIMATORS = [
    PROTOTYPE,
    *(
        stack((4, 3), autoencoder=PROTOTYPE, max_iter=20, random_state=0)
        for stack in (
            StackedAutoencoderClassifier,
            StackedAutoencoderRegressor,
            StackedAutoencoder,
        )
    ),
]

both_estimators = pytest.mark.parametrize(
    "estimator", ESTIMATORS, ids=["autoencoder", "classifier", "regressor", "stack"]
)
both_libraries = pytest.mark.parametrize("library", FRAMES)


@pytest.fixture
def fresh(estimator):
    return clone(estimator)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return X / 8, y


def columns_of(frame, names):
    return frame[names] if isinstance(frame, pd.DataFrame) else frame.select(names)


@both_libraries
@both_estimators
def test_a_frame_is_its_values(fresh, library, iris):
    X, y = iris
    frame = FRAMES[library](X)
    from_array = clone(fresh).fit(X, y)
    from_frame = fresh.fit(frame, y)
    assert from_frame.feature_names_in_.tolist() == COLUMNS
    assert not hasattr(from_array, "feature_names_in_")
    for name in ("transform", "predict", "predict_proba", "score_samples"):
        if hasattr(fresh, name):
            expected = getattr(from_array, name)(X)
            assert_array_equal(getattr(from_frame, name)(frame), expected)
    assert from_frame.score(frame, y) == from_array.score(X, y)


@both_libraries
@pytest.mark.parametrize("output", FRAMES)
@both_estimators
def test_set_output(fresh, output, library, iris):
    X, y = iris
    frame = FRAMES[library](X)
    values = clone(fresh).fit(X, y).transform(X)
    fresh.set_output(transform=output)
    fitted_at_once = fresh.fit_transform(frame, y)
    for features in (fitted_at_once, fresh.transform(frame)):
        assert isinstance(features, FRAME_TYPES[output])
        prefix = type(fresh).__name__.lower()
        assert list(features.columns) == [prefix + i for i in "012"]
        assert list(features.columns) == list(fresh.get_feature_names_out())
        assert_array_equal(features.to_numpy(), values)
    # As everywhere in scikit-learn, set_output concerns transform alone.
    decoded = fresh.inverse_transform(fitted_at_once)
    assert type(decoded) is np.ndarray
    assert_array_equal(decoded, clone(fresh).fit(X, y).inverse_transform(values))


@both_estimators
def test_the_index_of_pandas_is_kept(fresh, iris):
    X, y = iris
    frame = FRAMES["pandas"](X).set_index(np.arange(len(X))[::-1])
    features = fresh.set_output(transform="pandas").fit(frame, y).transform(frame)
    assert_array_equal(features.index, frame.index)


def test_without_hidden_layers_the_features_are_the_columns(iris):
    X, y = iris
    model = StackedAutoencoderClassifier((), max_iter=20).set_output(transform="pandas")
    features = model.fit_transform(FRAMES["pandas"](X), y)
    assert_array_equal(features.to_numpy(), X)
    assert list(features.columns) == list(model.get_feature_names_out())


@pytest.mark.parametrize(
    "dtype", ["Float64", "Int64", "boolean", "double[pyarrow]", "int64[pyarrow]"]
)
@both_estimators
def test_nullable_columns_without_missing_values(fresh, dtype, iris):
    X, y = (iris[0] > 0.4).astype(float), iris[1]
    frame = FRAMES["pandas"](X).astype(dtype)
    values = clone(fresh).fit(X, y).transform(X)
    features = fresh.fit(frame, y).transform(frame)
    assert_array_equal(features, values)
    assert features.dtype == np.float64


FLOAT32_FRAMES = [
    pytest.param(lambda X: FRAMES["pandas"](X).astype("float32"), id="pandas"),
    pytest.param(lambda X: FRAMES["pandas"](X).astype("Float32"), id="nullable"),
    pytest.param(lambda X: FRAMES["pandas"](X).astype("float[pyarrow]"), id="pyarrow"),
    pytest.param(lambda X: FRAMES["polars"](X).cast(pl.Float32), id="polars"),
]


@pytest.mark.parametrize("make_frame", FLOAT32_FRAMES)
@both_estimators
def test_float32_is_kept(fresh, make_frame, iris):
    X, y = iris
    frame = make_frame(X)
    fresh.fit(frame, y)
    features = fresh.transform(frame)
    decoded = fresh.inverse_transform(features)
    assert {W.dtype for W in fresh.coefs_} == {np.dtype(np.float32)}
    assert features.dtype == decoded.dtype == np.float32
    expected = clone(fresh).fit(X.astype(np.float32), y).transform(X.astype("f4"))
    assert_array_equal(features, expected)
    # What one sees of the float32 columns of frames that come out.
    polars_features = fresh.set_output(transform="polars").transform(frame)
    assert set(polars_features.dtypes) == {pl.Float32}
    assert fresh.inverse_transform(polars_features).dtype == np.float32


@both_libraries
def test_one_column_of_float64_makes_it_float64(library, iris):
    X, _ = iris
    frame = FRAMES[library](X.astype(np.float32))
    if library == "pandas":
        frame[COLUMNS[2]] = X[:, 2]
    else:
        frame = frame.with_columns(pl.Series(COLUMNS[2], X[:, 2]))
    model = clone(PROTOTYPE).fit(frame)
    assert model.coefs_[0].dtype == np.float64
    assert_allclose(
        model.transform(frame), clone(PROTOTYPE).fit(X).transform(X), atol=1e-4
    )


@both_libraries
@both_estimators
def test_other_columns_are_an_error(fresh, library, iris):
    X, y = iris
    frame = FRAMES[library](X)
    fresh.fit(frame, y)
    with pytest.raises(ValueError, match="must be in the same order as they were in"):
        fresh.transform(columns_of(frame, COLUMNS[::-1]))
    with pytest.raises(ValueError, match="missing"):
        fresh.transform(columns_of(frame, COLUMNS[:3]))


@both_libraries
@both_estimators
def test_names_on_one_side_only_warn(fresh, library, iris):
    X, y = iris
    frame = FRAMES[library](X)
    named, unnamed = clone(fresh).fit(frame, y), clone(fresh).fit(X, y)
    with pytest.warns(UserWarning, match="X does not have valid feature names"):
        features = named.transform(X)
    with pytest.warns(UserWarning, match="X has feature names, but"):
        assert_array_equal(unnamed.transform(frame), features)
    # A refit without names forgets them.
    assert not hasattr(named.fit(X, y), "feature_names_in_")


@both_libraries
def test_labels_in_a_series(library, iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    labels = {
        "pandas": pd.Series(names, dtype="category"),
        "polars": pl.Series(names),
    }[library]
    model = clone(ESTIMATORS[1]).fit(FRAMES[library](X), labels)
    assert model.classes_.tolist() == sorted(set(names))
    assert_array_equal(
        model.predict_proba(FRAMES[library](X)),
        clone(ESTIMATORS[1]).fit(X, y).predict_proba(X),
    )


@both_libraries
def test_the_lowest_autoencoder_knows_the_columns(library, iris):
    X, y = iris
    frame = FRAMES[library](X)
    model = clone(ESTIMATORS[1]).fit(frame, y)
    lowest, upper = model.autoencoders_
    assert lowest.feature_names_in_.tolist() == COLUMNS
    assert not hasattr(upper, "feature_names_in_")
    # Without a warning, because warnings are errors here.
    hidden = upper.transform(lowest.transform(frame))
    assert hidden.shape == (len(X), 3)
    model.fit(X, y)
    assert not hasattr(model.autoencoders_[0], "feature_names_in_")


def test_names_do_not_come_from_the_cache(iris, tmp_path):
    X, y = iris
    model = clone(ESTIMATORS[1]).set_params(memory=tmp_path)
    model.fit(FRAMES["pandas"](X), y)
    renamed = FRAMES["pandas"](X).rename(columns=str.upper)
    lowest = model.fit(renamed, y).autoencoders_[0]
    assert lowest.feature_names_in_.tolist() == [name.upper() for name in COLUMNS]
    assert not hasattr(model.fit(X, y).autoencoders_[0], "feature_names_in_")


@both_libraries
def test_a_frozen_layer_wants_its_columns(library, iris):
    X, y = iris
    frame = FRAMES[library](X)
    frozen = FrozenEstimator(clone(PROTOTYPE).fit(frame))
    model = StackedAutoencoderClassifier(
        (3,), autoencoder=[frozen], max_iter=20, random_state=0
    )
    message = "'sepal length' as column 0, but X has 'petal width' there"
    with pytest.raises(ValueError, match=message):
        model.fit(columns_of(frame, COLUMNS[::-1]), y)
    assert model.fit(frame, y).autoencoders_[0].feature_names_in_.tolist() == COLUMNS
    # Columns without names cannot be compared.
    from_array = clone(model).fit(X, y)
    assert_array_equal(from_array.predict_proba(X), model.predict_proba(frame))
