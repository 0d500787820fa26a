"""Training the generator, alone or against two critics.

with processes() as shared:
    trained = train_all(pairs, {"": TrainingConfig()}, out, shared, note={})
"""

from dwsfusion.training.ablation import ablations
from dwsfusion.training.config import TrainingConfig
from dwsfusion.training.fit import best_figures, fit, prepare
from dwsfusion.training.processes import Processes, processes
from dwsfusion.training.runs import Trained, train_all
from dwsfusion.training.tasks import Disturbance, Place, TaskLoss
from dwsfusion.training.trainer import DivergenceError

__all__ = [
    "Disturbance",
    "DivergenceError",
    "Place",
    "Processes",
    "TaskLoss",
    "Trained",
    "TrainingConfig",
    "ablations",
    "best_figures",
    "fit",
    "prepare",
    "processes",
    "train_all",
]
