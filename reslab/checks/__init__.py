"""Exercise checkers, a module for each chapter: each takes your object and finds the wrong idea in a wrong answer."""

from reslab.checks.chapter_01 import check_count_pieces, check_largest_step, check_sawtooth, check_width_for, check_xor
from reslab.checks.chapter_02 import (
    check_backward_layer,
    check_clip,
    check_factor_per_layer,
    check_layer_factor,
    check_numerical_gradient,
)
from reslab.checks.chapter_03 import check_batch_norm, check_dead_units, check_fold, check_gain_of, check_he_std
from reslab.checks.chapter_04 import check_block, check_depth, check_diagnose, check_gradient_ratio, check_grow

__all__ = [
    "check_backward_layer",
    "check_batch_norm",
    "check_block",
    "check_clip",
    "check_count_pieces",
    "check_dead_units",
    "check_depth",
    "check_diagnose",
    "check_factor_per_layer",
    "check_fold",
    "check_gain_of",
    "check_gradient_ratio",
    "check_grow",
    "check_he_std",
    "check_largest_step",
    "check_layer_factor",
    "check_numerical_gradient",
    "check_sawtooth",
    "check_width_for",
    "check_xor",
]
