"""The scikit-learn loader against scikit-learn's own decision functions, predictions and logits."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn import linear_model, neural_network, preprocessing, svm, tree
from sklearn.pipeline import make_pipeline

from certify.errors import BadInput, UnsupportedModel
from certify.networks import Affine, load
from certify.networks.maps import Dense, Scale

pytestmark = pytest.mark.filterwarnings("ignore")
rng = np.random.default_rng(0)
X = rng.normal(size=(60, 4)) * [1, 10, 0.1, 3] + 2
TWO = (X[:, 0] > 2).astype(int)
THREE = TWO + (X[:, 3] > 3)
REAL = np.stack([X @ [1, 2, 3, 4], np.abs(X[:, 0])], axis=1)


def logits(mlp, x):
    """An MLP before its output activation, from its weights."""
    for k, (w, b) in enumerate(zip(mlp.coefs_, mlp.intercepts_, strict=True)):
        x = (np.maximum(x, 0) if k and mlp.activation == "relu" else x) @ w + b
    return x


def agrees(estimator, want):
    net = load(estimator)
    want = np.asarray(want)
    np.testing.assert_allclose(net(X), want.reshape(len(X), -1), rtol=1e-9, atol=1e-9)
    assert net.input_shape == (4,)
    return net


@pytest.mark.parametrize("activation", ["relu", "identity"])
@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two classes", "three classes"])
def test_an_mlp_classifier_is_its_logits(activation, labels):
    mlp = neural_network.MLPClassifier(hidden_layer_sizes=(6, 5), activation=activation, max_iter=30, random_state=0)
    mlp.fit(X, labels)
    net = agrees(mlp, logits(mlp, X))
    scores = net(X)
    classes = (scores[:, 0] > 0).astype(int) if scores.shape[1] == 1 else scores.argmax(1)
    assert np.array_equal(mlp.classes_[classes], mlp.predict(X))


def test_an_mlp_regressor_is_its_prediction():
    mlp = neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=30, random_state=0).fit(X, REAL)
    net = agrees(mlp, mlp.predict(X))
    weights = [t.map.weight for n in net.nodes if isinstance(n, Affine) for t in n.terms if isinstance(t.map, Dense)]
    assert all(np.array_equal(w, c.T) for w, c in zip(weights, mlp.coefs_, strict=True))


def test_a_regressor_that_predicts_an_exponential_is_refused():
    mlp = neural_network.MLPRegressor(hidden_layer_sizes=(3,), max_iter=5).fit(X, REAL)
    mlp.out_activation_ = "exp"  # what loss="poisson" sets, in versions that have it
    with pytest.raises(UnsupportedModel, match="output activation 'exp' is not supported"):
        load(mlp)


def test_a_float32_mlp_keeps_its_type():
    mlp = neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=5, random_state=0).fit(
        X.astype(np.float32), REAL
    )
    types = {t.map.weight.dtype.name for n in load(mlp).nodes if isinstance(n, Affine) for t in n.terms}
    assert types == {mlp.coefs_[0].dtype.name}


@pytest.mark.parametrize(
    "estimator", [linear_model.LinearRegression(), linear_model.Ridge(), linear_model.Lasso(fit_intercept=False)]
)
@pytest.mark.parametrize("y", [REAL, REAL[:, 0]], ids=["two outputs", "one output"])
def test_a_linear_regression_is_its_prediction(estimator, y):
    estimator.fit(X, y)
    agrees(estimator, estimator.predict(X))


@pytest.mark.parametrize(
    "estimator",
    [
        linear_model.LogisticRegression(),
        linear_model.RidgeClassifier(),
        linear_model.SGDClassifier(random_state=0),
        linear_model.Perceptron(),
        svm.LinearSVC(),
    ],
)
@pytest.mark.parametrize("labels", [TWO, THREE], ids=["two classes", "three classes"])
def test_a_linear_classifier_is_its_decision_function(estimator, labels):
    estimator.fit(X, labels)
    agrees(estimator, estimator.decision_function(X))


def test_sparse_coefficients_are_read():
    estimator = linear_model.SGDClassifier(random_state=0).fit(X, THREE)
    want = estimator.decision_function(X)
    agrees(estimator.sparsify(), want)


@pytest.mark.parametrize(
    "scaler",
    [
        preprocessing.StandardScaler(),
        preprocessing.StandardScaler(with_mean=False),
        preprocessing.StandardScaler(with_std=False),
        preprocessing.MinMaxScaler((-1, 2)),
        preprocessing.MaxAbsScaler(),
    ],
)
def test_a_pipeline_with_a_scaler(scaler):
    pipeline = make_pipeline(scaler, "passthrough", linear_model.LogisticRegression()).fit(X, THREE)
    agrees(pipeline, pipeline.decision_function(X))


def test_two_pipelines_on_one_scaler_share_its_symbol():
    scaler = preprocessing.StandardScaler().fit(X)
    symbols = []
    for alpha in (0.1, 10.0):
        model = linear_model.Ridge(alpha=alpha).fit(scaler.transform(X), REAL)
        net = load(make_pipeline(scaler, model))
        (symbol,) = (t.map for n in net.nodes if isinstance(n, Affine) for t in n.terms if isinstance(t.map, Scale))
        symbols.append((symbol.lo.tobytes(), symbol.hi.tobytes()))
    assert symbols[0] == symbols[1]


def test_estimators_that_are_not_piecewise_linear_are_refused_by_name():
    with pytest.raises(UnsupportedModel, match="DecisionTreeClassifier: this estimator is not supported"):
        load(tree.DecisionTreeClassifier().fit(X, TWO))
    mlp = neural_network.MLPClassifier(hidden_layer_sizes=(3,), activation="tanh", max_iter=5).fit(X, TWO)
    with pytest.raises(UnsupportedModel, match="MLPClassifier: activation 'tanh' is not supported"):
        load(mlp)
    with pytest.raises(UnsupportedModel, match=r"svc\.SVC: this estimator is not supported"):
        load(make_pipeline(preprocessing.StandardScaler(), svm.SVC()).fit(X, TWO))


def test_a_subclass_that_may_compute_something_else_is_refused():
    class Ridge(linear_model.Ridge):
        def predict(self, x):
            return super().predict(x) ** 2

    with pytest.raises(UnsupportedModel, match="not an estimator of scikit-learn itself"):
        load(Ridge().fit(X, REAL))


def test_an_estimator_that_is_not_fitted_is_one_clear_line():
    with pytest.raises(BadInput, match="Ridge: the estimator is not fitted"):
        load(linear_model.Ridge())


def test_a_weight_that_is_not_finite_is_named():
    estimator = linear_model.LinearRegression().fit(X, REAL)
    estimator.coef_[0, 0] = np.nan
    with pytest.raises(BadInput, match=r"tensor 'linear\.weight' holds NaN"):
        load(estimator)


def test_an_object_that_is_no_model_is_a_type_error():
    with pytest.raises(TypeError, match=r"found builtins\.int"):
        load(3)
