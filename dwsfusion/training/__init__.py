"""Training the generator, alone or against two critics.

trainer, validation = prepare(pairs, config, processes)
for terms in fit(trainer, validation, out, note): ...
"""

from dwsfusion.training.ablation import ablations
from dwsfusion.training.config import TrainingConfig
from dwsfusion.training.fit import best_figures, fit, prepare
from dwsfusion.training.processes import Processes, processes
from dwsfusion.training.trainer import DivergenceError

__all__ = ["DivergenceError", "Processes", "TrainingConfig", "ablations", "best_figures", "fit", "prepare", "processes"]
