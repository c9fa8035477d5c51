"""The network of fast_neural_style in pytorch/examples, as an independent implementation."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Conv(nn.Module):
    """Reflection padding by half the kernel, then a convolution; maybe enlarged before."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1, enlarge: int = 1):
        super().__init__()
        self.conv2d = nn.Conv2d(inputs, outputs, size, stride)
        self.enlarge = nn.Upsample(scale_factor=enlarge, mode="nearest")
        self.reflect = nn.ReflectionPad2d(size // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2d(self.reflect(self.enlarge(x)))


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = Conv(128, 128, 3), Conv(128, 128, 3)
        self.in1, self.in2 = (nn.InstanceNorm2d(128, affine=True) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.in2(self.conv2(torch.relu(self.in1(self.conv1(x)))))


class TransformerNet(nn.Module):
    """Takes and gives RGB in 0..255, (n, 3, h, w) with h and w multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = Conv(3, 32, 9), Conv(32, 64, 3, stride=2)
        self.conv3 = Conv(64, 128, 3, stride=2)
        self.res1, self.res2, self.res3 = Residual(), Residual(), Residual()
        self.res4, self.res5 = Residual(), Residual()
        self.deconv1, self.deconv2 = Conv(128, 64, 3, enlarge=2), Conv(64, 32, 3, enlarge=2)
        self.deconv3 = Conv(32, 3, 9)
        for i, channels in enumerate((32, 64, 128, 64, 32), start=1):
            setattr(self, f"in{i}", nn.InstanceNorm2d(channels, affine=True))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.in1(self.conv1(x)))
        x = torch.relu(self.in2(self.conv2(x)))
        x = torch.relu(self.in3(self.conv3(x)))
        for block in (self.res1, self.res2, self.res3, self.res4, self.res5):
            x = block(x)
        x = torch.relu(self.in4(self.deconv1(x)))
        x = torch.relu(self.in5(self.deconv2(x)))
        return self.deconv3(x)
