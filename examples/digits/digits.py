# SPDX-License-Identifier: Apache-2.0
# A small classifier of 28x28 gray digits: image (N,1,28,28), pixels as
# (p - 127.5) / 127.5, to logits (N,10). Every padding is symmetric and every
# convolution has stride 1, so that TensorFlow's SAME means the same.
import torch
from torch import nn


class ConvBN(nn.Module):
    def __init__(self, cin, cout, size, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, size, padding=size // 2,
                              groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(cout)

    def forward(self, x):
        return self.bn(self.conv(x))


class Digits(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = ConvBN(1, 16, 3)
        self.depthwise = ConvBN(16, 16, 3, groups=16)
        self.pointwise = ConvBN(16, 32, 1)
        self.branch1 = ConvBN(32, 32, 3)
        self.branch2 = ConvBN(32, 32, 1)
        self.depthwise2 = ConvBN(32, 32, 3, groups=32)
        self.pointwise2 = ConvBN(32, 96, 1)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(2)
        self.avgpool = nn.AvgPool2d(2, count_include_pad=False)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(96, 10)

    def forward(self, image):
        x = self.maxpool(self.relu(self.stem(image)))       # 16 x 14 x 14
        x = self.relu(self.depthwise(x))
        x = self.avgpool(self.relu(self.pointwise(x)))      # 32 x 7 x 7
        y = self.branch2(self.relu(self.branch1(x)))
        x = self.relu(x + y)
        x = self.relu(self.depthwise2(x))
        x = self.relu(self.pointwise2(x))                   # 96 x 7 x 7
        x = torch.flatten(self.pool(x), 1)
        return self.fc(x)
