"""How a stack of autoencoders is drawn in notebooks."""

from typing import Any


def stack_block(stack: Any, last_layer: str) -> Any:
    """Draw the layers of a stack: the trained layers, or else the prototypes."""
    # This name is private to scikit-learn and was in another module before 1.7. The
    # import is in the function, so that only the drawing fails if it is removed.
    try:
        from sklearn.utils._repr_html.estimator import _VisualBlock
    except ImportError:
        from sklearn.utils._estimator_html_repr import _VisualBlock

    given = stack.autoencoder
    is_list = isinstance(given, list | tuple)
    is_estimator = hasattr(given, "get_params")
    prototypes = list(given) if is_list else [given] if is_estimator else []
    layers = getattr(stack, "autoencoders_", prototypes)
    if not layers:
        title = type(stack).__name__
        return _VisualBlock("single", stack, names=title, name_details=str(stack))
    # The drawing lets users copy parameter names, with the text before the colon as
    # prefix, as in autoencoder__alpha; entries of a list have no such names.
    titles = [
        f"{f'autoencoder[{i}]' if is_list else 'autoencoder'}: {type(layer).__name__}"
        for i, layer in enumerate(layers)
    ]
    details = [str(layer) for layer in layers]
    return _VisualBlock(
        "serial",
        [*layers, last_layer],
        names=[*titles, last_layer],
        name_details=[*details, last_layer],
    )
