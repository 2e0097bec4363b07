"""How a stack of autoencoders is drawn in notebooks."""

from typing import Any


def stack_block(classifier: Any) -> Any:
    """Draw a classifier's layers one below the other: trained ones, if it has them.

    Otherwise what is to train them, as far as that is given.
    """
    # Private to scikit-learn, and in another module before 1.7. Imported here, because
    # where both are gone it draws the classifier without layers, and all else works.
    try:
        from sklearn.utils._repr_html.estimator import _VisualBlock
    except ImportError:
        from sklearn.utils._estimator_html_repr import _VisualBlock

    given = classifier.autoencoder
    is_list = isinstance(given, list | tuple)
    prototypes = list(given) if is_list else [given] if given is not None else []
    layers = getattr(classifier, "autoencoders_", prototypes)
    if not layers:
        title = type(classifier).__name__
        return _VisualBlock(
            "single", classifier, names=title, name_details=str(classifier)
        )
    # From what stands before the colon the drawing makes the names of parameters that
    # it lets the user copy: autoencoder__alpha is one, of a list there are none.
    titles = [
        f"{f'autoencoder[{i}]' if is_list else 'autoencoder'}: {type(layer).__name__}"
        for i, layer in enumerate(layers)
    ]
    details = [str(layer) for layer in layers]
    return _VisualBlock("serial", layers, names=titles, name_details=details)
