"""Optimisation of pixels: schedules, optimisers, and the engine that runs them."""

from impasto.optimize import adam, lbfgs
from impasto.optimize.optimizer import OptimizerSpec
from impasto.plugins import Plugins

OPTIMIZERS = Plugins("impasto.optimizers", OptimizerSpec, lbfgs.SPEC, adam.SPEC)
"""Every optimiser by its name."""

register = OPTIMIZERS.register
