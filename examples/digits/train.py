#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# Trains Digits on train.npz with a fixed seed and writes digits.pth and
# digits.onnx (opset 13, batch dim N, BatchNormalization kept). Prints the
# accuracy on test.npz, which training never sees.
# needs: python3-torch
import numpy as np
import torch
from torch import nn

from digits import Digits

EPOCHS, BATCH, RATE = 13, 128, 0.01


def load(path):
    with np.load(path) as z:
        image = (torch.from_numpy(z["image"]).float() - 127.5) / 127.5
        return image, torch.from_numpy(z["label"]).long()


def accuracy(net, image, label):
    net.eval()
    with torch.no_grad():
        return (net(image).argmax(1) == label).float().mean().item()


torch.manual_seed(1)
torch.set_num_threads(2)
torch.use_deterministic_algorithms(True)
image, label = load("train.npz")
test = load("test.npz")
net = Digits()
steps = (len(label) + BATCH - 1) // BATCH
opt = torch.optim.AdamW(net.parameters(), weight_decay=0.01)
plan = torch.optim.lr_scheduler.OneCycleLR(opt, RATE, EPOCHS * steps)
loss_of = nn.CrossEntropyLoss()
for epoch in range(EPOCHS):
    net.train()
    total = 0.0
    for pick in torch.randperm(len(label)).split(BATCH):
        opt.zero_grad()
        loss = loss_of(net(image[pick]), label[pick])
        loss.backward()
        opt.step()
        plan.step()
        total += loss.item() * len(pick)
    print("epoch %2d  loss %.4f  test %.2f %%" %
          (epoch + 1, total / len(label), 100 * accuracy(net, *test)), flush=True)
print("train %.2f %%" % (100 * accuracy(net, image, label)))
torch.save(net.state_dict(), "digits.pth")
torch.onnx.export(net, torch.zeros(1, 1, 28, 28), "digits.onnx",
                  opset_version=13, do_constant_folding=False,
                  training=torch.onnx.TrainingMode.PRESERVE,
                  input_names=["image"], output_names=["logits"],
                  dynamic_axes={"image": {0: "N"}, "logits": {0: "N"}})
