"""What a fitted network has learnt: its gates, and what its predictions come from."""

from ._gates import gate_activations
from ._gradients import integrated_gradients

__all__ = ["gate_activations", "integrated_gradients"]
