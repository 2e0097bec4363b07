"""The version, apart from the public names so that modules below those can read it."""

__version__ = "0.2.0.dev0"
