"""What the tracer is made of, in a package so that definitions' own modules may have any name.
SPDX-License-Identifier: Apache-2.0"""
