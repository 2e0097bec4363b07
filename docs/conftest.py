"""What of the documentation runs as tests here."""

from importlib.util import find_spec

# scikit-learn has callbacks from 1.9 on.
collect_ignore = [] if find_spec("sklearn.callback") else ["callbacks.rst"]
