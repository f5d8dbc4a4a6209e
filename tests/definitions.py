"""Networks as people write them, for tests/torch.bats: FILE.py:CLASS, with what forward() is given.
SPDX-License-Identifier: Apache-2.0"""
import math
from collections import namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F


class DoubleConv(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.double_conv = nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True),
                                         nn.Conv2d(b, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True))

    def forward(self, x):
        return self.double_conv(x)


class UNet(nn.Module):  # x:1,3,30,34
    def __init__(self, bilinear=True):
        super().__init__()
        self.inc, self.d1, self.d2 = DoubleConv(3, 8), DoubleConv(8, 16), DoubleConv(16, 16)
        self.up1 = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)
        self.u1, self.up2, self.u2 = DoubleConv(32, 8), nn.ConvTranspose2d(8, 8, 2, stride=2), DoubleConv(16, 8)
        self.outc = nn.Conv2d(8, 2, 1)

    @staticmethod
    def join(x, skip):
        dy, dx = skip.size()[2] - x.size()[2], skip.size()[3] - x.size()[3]
        return torch.cat([skip, F.pad(x, [dx // 2, dx - dx // 2, dy // 2, dy - dy // 2])], dim=1)

    def forward(self, x):
        a = self.inc(x)
        b = self.d1(F.max_pool2d(a, 2))
        c = self.d2(F.max_pool2d(b, 2))
        y = self.u1(self.join(self.up1(c), b))
        return self.outc(self.u2(self.join(self.up2(y), a)))


class Siamese(nn.Module):  # left:1,1,28,28 right:1,1,28,28
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 8, 5), nn.PReLU(), nn.MaxPool2d(2, 2), nn.Conv2d(8, 16, 5), nn.PReLU(16),
                                  nn.MaxPool2d(2, 2), nn.Flatten(), nn.Linear(256, 32))

    def once(self, x):
        return F.normalize(self.body(x), p=2, dim=1)

    def forward(self, left, right):
        a, b = self.once(left), self.once(right)
        return torch.pow(a - b, 2).sum(1, keepdim=True).sqrt(), F.cosine_similarity(a, b)


class Yolo(nn.Module):  # x:1,3,32,32
    def __init__(self, classes=3):
        super().__init__()
        self.no, self.na = classes + 5, 3
        self.focus = nn.Conv2d(12, 16, 3, padding=1)
        self.heads = nn.ModuleList(nn.Conv2d(16, self.no * self.na, 1) for _ in range(2))
        self.act = nn.SiLU(inplace=True)
        self.register_buffer('anchors', torch.tensor([[10., 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119]]).view(2, -1, 2))
        self.stride = [2, 4]

    @staticmethod
    def grid(nx, ny):
        yv, xv = torch.meshgrid([torch.arange(ny), torch.arange(nx)], indexing='ij')
        return torch.stack((xv, yv), 2).view((1, 1, ny, nx, 2)).float()

    def forward(self, x):
        x = torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2], x[..., 1::2, 1::2]], 1)
        x = self.act(self.focus(x))
        z = []
        for i, head in enumerate(self.heads):
            y = head(x)
            bs, _, ny, nx = y.shape
            y = y.view(bs, self.na, self.no, ny, nx).permute(0, 1, 3, 4, 2).contiguous().sigmoid()
            y[..., 0:2] = (y[..., 0:2] * 2. - 0.5 + self.grid(nx, ny)) * self.stride[i]
            y[..., 2:4] = (y[..., 2:4] * 2) ** 2 * self.anchors[i].view(1, -1, 1, 1, 2)
            z.append(y.view(bs, -1, self.no))
            x = F.max_pool2d(x, 2)
        return torch.cat(z, 1)


class RMSNorm(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d))

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class MaskedTransformer(nn.Module):  # x:2,7,16
    def __init__(self, d=16, heads=4, layers=2):
        super().__init__()
        layer = nn.TransformerEncoderLayer(d, heads, 32, batch_first=True, activation='gelu', norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, layers, norm=nn.LayerNorm(d))
        self.norm, self.head = RMSNorm(d), nn.Linear(d, 5)
        pe = torch.zeros(50, d)
        position = torch.arange(0, 50, dtype=torch.float).unsqueeze(1)
        div = torch.exp(torch.arange(0, d, 2).float() * (-math.log(10000.0) / d))
        pe[:, 0::2] = torch.sin(position * div)
        pe[:, 1::2] = torch.cos(position * div)
        self.register_buffer('pe', pe.unsqueeze(0), persistent=False)

    def forward(self, x):
        x = x + self.pe[:, :x.size(1)]
        mask = torch.triu(torch.full((x.size(1), x.size(1)), float('-inf')), diagonal=1)
        return self.head(self.norm(self.encoder(x, mask)))


class LSTMClassifier(nn.Module):  # i_tokens:3,11
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(20, 12, padding_idx=0)
        self.lstm = nn.LSTM(12, 16, num_layers=2, bidirectional=True, batch_first=True, dropout=0.3)
        self.fc = nn.Linear(32, 4)

    def forward(self, i_tokens):
        out, (h, c) = self.lstm(self.embedding(i_tokens))
        h = torch.cat((h[-2], h[-1]), dim=1)
        return self.fc(out[:, -1] + h), c


class GRUEncoder(nn.Module):  # x:9,2,6 h0:1,2,10
    def __init__(self):
        super().__init__()
        self.gru, self.rnn, self.cell = nn.GRU(6, 10), nn.RNN(10, 5, bidirectional=True), nn.LSTMCell(10, 4)
        self.attention = nn.MultiheadAttention(10, 2)

    def forward(self, x, h0):
        y, h = self.gru(x, h0)
        z, _ = self.rnn(y)
        a, w = self.attention(h, y, y)
        hx, cx = self.cell(y[0])
        return z, a, w, hx * torch.sigmoid(cx)


class SuperResolution(nn.Module):  # x:1,1,12,14
    def __init__(self, upscale=3):
        super().__init__()
        self.c1, self.c2 = nn.Conv2d(1, 16, 5, padding='same'), nn.Conv2d(16, upscale ** 2, 3, padding=1, padding_mode='reflect')
        self.shuffle = nn.PixelShuffle(upscale)

    def forward(self, x):
        y = self.shuffle(self.c2(torch.tanh(self.c1(x))))
        return (y + F.interpolate(x, scale_factor=3, mode='bicubic', align_corners=False)).clamp(-2, 2)


Heads = namedtuple('Heads', 'boxes scores')


class Detector(nn.Module):  # x:1,3,16,16
    """Dicts, named tuples, ModuleDict, ParameterList."""

    def __init__(self):
        super().__init__()
        self.body = nn.ModuleDict({'stem': nn.Conv2d(3, 8, 3, stride=2, padding=1), 'next': nn.Conv2d(8, 8, 3, groups=4)})
        self.scales = nn.ParameterList([nn.Parameter(torch.ones(1)) for _ in range(2)])
        self.norm = nn.GroupNorm(4, 8)

    def forward(self, x):
        feats = {}
        for name, m in self.body.items():
            x = F.leaky_relu(m(x), 0.1)
            feats[name] = x
        y = self.norm(x) * self.scales[0]
        return {'features': feats, 'heads': Heads(boxes=y.flatten(1), scores=(y.amax(dim=(2, 3)) - self.scales[1]).softmax(-1))}


class Functional(nn.Module):  # x:2,3,20
    """No modules: parameters and functions."""

    def __init__(self):
        super().__init__()
        self.w1, self.b1 = nn.Parameter(torch.randn(6, 3, 4)), nn.Parameter(torch.randn(6))
        self.w2, self.w3 = nn.Parameter(torch.randn(6, 17)), nn.Parameter(torch.randn(4, 6))
        nn.init.kaiming_uniform_(self.w1, a=math.sqrt(5))

    def forward(self, x):
        y = F.elu(F.conv1d(x, self.w1, self.b1))
        y = torch.einsum('bcl,cl->bc', y, self.w2) / self.w2.shape[-1]
        y = F.linear(F.hardswish(y), self.w3)
        idx = y.topk(2, dim=1)[1]
        return F.log_softmax(y, dim=1), y.gather(1, idx), torch.where(y > 0, y, torch.zeros_like(y)).max(1).values


class Tied(nn.Module):  # i_x:2,6
    """One weight read by an embedding and by the last linear layer; a module used twice."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(15, 8)
        self.block = nn.Sequential(nn.Linear(8, 8), nn.GELU())
        self.out = nn.Linear(8, 15, bias=False)
        self.out.weight = self.embed.weight

    def forward(self, i_x):
        x = self.embed(i_x)
        return self.out(self.block(self.block(x)))


class Scaled(nn.Module):
    def __init__(self, width, act):
        super().__init__()
        self.conv = nn.utils.weight_norm(nn.Conv2d(3, width, 3, stride=2, padding=1))
        self.bn, self.act = nn.BatchNorm2d(width), act()
        self.pool, self.fc = nn.AdaptiveAvgPool2d((3, 2)), nn.Linear(6 * width, 4)
        self.conv.register_forward_hook(lambda m, i, o: o * 1.5)

    def forward(self, x):
        return self.fc(self.pool(self.act(self.bn(self.conv(x)))).flatten(1))


def scaled(width=8, act='relu'):  # x:1,3,17,17
    return Scaled(width, {'relu': nn.ReLU, 'mish': nn.Mish}[act])


class InPlace(nn.Module):  # x:2,4,6,6
    """Views and writing to them, in every way."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 4))

    def forward(self, x):
        y = x.clone()
        y[:, 0] = 1
        y[:, 1:3, ::2] *= 2
        v = y.view(2, 4, -1)
        v[:, :, 5:9].add_(3)
        t = y.transpose(1, 3)
        t[0, 2] = self.w[0]
        y.relu_()
        a, b = y.chunk(2, 1)
        a += b
        b.mul_(0.5)
        z = torch.zeros(2, 4)
        z[:, [1, 3]] if False else None
        z[torch.tensor([0, 1]), torch.tensor([2, 3])] = 7.0
        y[y > 4] = 4
        y[..., None].squeeze(-1)[1].masked_fill_(y[1] < 1, -1.)
        s = y.unfold(2, 3, 1).sum(-1) + y.roll(1, 3)[:, :, :4]
        return y, z, s, y[:, [3, 0, 0]], y[1, :, torch.tensor([0, 2]), torch.tensor([1, 3])], y.flip(1, 2)


class Pools(nn.Module):  # x:1,2,13,15
    """Every pool, with ceil_mode, and every way to resize."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(1))

    def forward(self, x):
        x = x * self.w
        return (F.max_pool2d(x, 3, 2, 1, ceil_mode=True), F.max_pool2d(x, 2, 2, ceil_mode=True),
                F.avg_pool2d(x, 3, 2, 1, ceil_mode=True), F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
                F.avg_pool2d(x, (2, 3), ceil_mode=True), F.max_pool2d(x, 3, 1, 1, dilation=1),
                F.adaptive_avg_pool2d(x, (5, 4)), F.adaptive_max_pool2d(x, (5, None)), F.lp_pool2d(x.abs(), 2, 3),
                F.interpolate(x, (20, 9)), F.interpolate(x, scale_factor=1.7), F.interpolate(x, (6, 31), mode='bilinear'),
                F.interpolate(x, scale_factor=(1.5, 2.2), mode='bilinear'), F.interpolate(x, (9, 9), mode='nearest-exact'),
                F.interpolate(x, (21, 8), mode='bicubic'), F.interpolate(x, (5, 5), mode='area'),
                F.interpolate(x, (20, 9), mode='bilinear', align_corners=True), F.pad(x, (1, 2, 0, 3), 'replicate'),
                F.pad(x, (1, -2), value=.5), F.pad(x, (2, 1, 1, 0), 'circular'), F.unfold(x, 3, stride=2, padding=1),
                F.grid_sample(x, torch.tanh(x[:, :, :4, :5].permute(0, 2, 3, 1)), align_corners=False),
                F.local_response_norm(x, 3), F.instance_norm(x), F.layer_norm(x, x.shape[1:]))


class Maths(nn.Module):  # x:3,5
    """Elementwise functions, reductions, arithmetic on shapes and on numbers."""

    def __init__(self):
        super().__init__()
        self.rates = [float(v) for v in torch.linspace(0, 0.1, 4)]
        self.w = nn.Parameter(torch.rand(5, 5))
        self.register_buffer('index', torch.tensor([4, 2, 0]))
        self.register_buffer('count', torch.tensor(3))

    def forward(self, x, scale=2.0):
        p = x.abs() + self.rates[2]
        n = int(self.count)
        return (p.log2() + p.log1p() + p.rsqrt(), x % 0.7, x.remainder(-0.3), torch.floor_divide(x, .3), x.fmod(.4),
                x.var(1), x.std(dim=0, unbiased=False), x.norm(dim=1), torch.linalg.norm(x, dim=1), x.prod(1), x.cumsum(1),
                x.argmax(1), x.min(0)[0], x.logsumexp(1), (x > 0) & ~(x > 1), torch.stack([x, p])[:n - 1].mean(0),
                x @ self.w, torch.bmm(x[None], self.w[None]), x[:, self.index], F.softplus(x, 2), F.softshrink(x),
                F.hardshrink(x, .3), F.celu(x, 1.3), F.selu(x), F.hardsigmoid(x), F.hardtanh(x, -.5, .7), F.glu(x[:, :4]),
                F.mish(x), F.gelu(x, approximate='tanh'), F.logsigmoid(x), F.threshold(x, .1, 20), F.tanhshrink(x), x.sign(),
                x.round(), x.clamp(min=0), torch.maximum(x, p), x.sort(1, descending=True)[0], x.tril(), x.t().contiguous(),
                x.repeat(2, 1), x.repeat_interleave(2, 1), x.expand(2, 3, 5), torch.addmm(x, x, self.w, alpha=.5),
                x.masked_fill(x < 0, 9), scale * x, 1 / p, 2 - x, 2 ** x, x // 0.5, F.one_hot(x.argmax(1), 5),
                x.where(x > 0, -x), x.scatter(1, x.argmax(1, keepdim=True), 5.), x.std(), x.lerp(p, .3), x.any(), x.isnan())
