"""torch.nn.init: every weight comes from the file, so these do nothing.
SPDX-License-Identifier: Apache-2.0"""
import math


def _nothing(tensor, *args, **kwargs):
    return tensor


for _n in ('uniform_ normal_ trunc_normal_ constant_ ones_ zeros_ eye_ dirac_ xavier_uniform_ xavier_normal_ '
           'kaiming_uniform_ kaiming_normal_ orthogonal_ sparse_').split():
    globals()[_n] = globals()[_n[:-1]] = _nothing


def calculate_gain(nonlinearity, param=None):
    return {'tanh': 5 / 3, 'relu': math.sqrt(2), 'selu': .75}.get(nonlinearity, 1.)


def _calculate_fan_in_and_fan_out(tensor):
    n = math.prod(tensor.shape[2:])
    return tensor.shape[1] * n, tensor.shape[0] * n


def _calculate_correct_fan(tensor, mode):
    return _calculate_fan_in_and_fan_out(tensor)[mode == 'fan_out']
