"""What a fitted network does, in pictures and numbers."""

from ._attention_display import AttentionDisplay
from ._forecast_display import ForecastDisplay
from ._gate_display import GateDisplay
from ._gates import gate_activations
from ._gradients import integrated_gradients
from ._permutation_importance import permutation_importance
from ._saliency_display import SaliencyDisplay
from ._training_curve_display import TrainingCurveDisplay

__all__ = [
    "AttentionDisplay",
    "ForecastDisplay",
    "GateDisplay",
    "SaliencyDisplay",
    "TrainingCurveDisplay",
    "gate_activations",
    "integrated_gradients",
    "permutation_importance",
]
