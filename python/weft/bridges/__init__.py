# SPDX-License-Identifier: Apache-2.0
"""Bridges from runs of weft to other packages."""
