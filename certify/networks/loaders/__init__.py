"""One file for each kind of model. Loaders are trusted for "this object means this network"."""
