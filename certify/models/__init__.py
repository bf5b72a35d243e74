"""Small trained networks that ship with the package (made by scripts/train_models.py), and test digits."""

from __future__ import annotations

from pathlib import Path


def path(name: str) -> Path:
    """The file of a shipped model or data set: ``digits.onnx``, ``digits_cnn.onnx``, ``digits.npz``."""
    return Path(__file__).parent / name
