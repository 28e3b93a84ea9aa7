"""Layers that stay in float32 when a network becomes int8."""

from __future__ import annotations

FLOAT_PREFIX = "float_"
"""The trainer gives such a layer a name with this prefix, and the quantiser leaves it in float.

A detector's distances need this: their range is unknown before the first defect is seen, and an
int8 output that was calibrated on good parts saturates on every bad one.
"""
