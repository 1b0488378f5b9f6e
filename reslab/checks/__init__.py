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
from reslab.checks.chapter_05 import (
    check_block_gradients,
    check_branch_target,
    check_descend,
    check_nearer,
    check_two_layer_block,
)
from reslab.checks.chapter_06 import (
    check_bottleneck,
    check_conv_out,
    check_name_the_bug,
    check_repair,
    check_residual_block,
    check_shortcut_for,
    check_zero_pad,
)
from reslab.checks.chapter_07 import (
    check_autocorrelation,
    check_back,
    check_parts_of_sum,
    check_rezero_block,
    check_variance_after,
)

__all__ = [
    "check_autocorrelation",
    "check_back",
    "check_backward_layer",
    "check_batch_norm",
    "check_block",
    "check_block_gradients",
    "check_bottleneck",
    "check_branch_target",
    "check_clip",
    "check_conv_out",
    "check_count_pieces",
    "check_dead_units",
    "check_depth",
    "check_descend",
    "check_diagnose",
    "check_factor_per_layer",
    "check_fold",
    "check_gain_of",
    "check_gradient_ratio",
    "check_grow",
    "check_he_std",
    "check_largest_step",
    "check_layer_factor",
    "check_name_the_bug",
    "check_nearer",
    "check_numerical_gradient",
    "check_parts_of_sum",
    "check_repair",
    "check_residual_block",
    "check_rezero_block",
    "check_sawtooth",
    "check_shortcut_for",
    "check_two_layer_block",
    "check_variance_after",
    "check_width_for",
    "check_xor",
    "check_zero_pad",
]
