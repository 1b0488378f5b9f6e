"""Exercise checkers, a module for each chapter: each takes your object and finds the wrong idea in a wrong answer."""

from reslab.checks.chapter_04 import check_block, check_depth, check_diagnose, check_gradient_ratio, check_grow

__all__ = ["check_block", "check_depth", "check_diagnose", "check_gradient_ratio", "check_grow"]
