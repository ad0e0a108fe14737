"""PBT around an ordinary training loop: learning rate, weight decay and dropout evolve while a classifier trains."""

import torch
from sklearn.datasets import load_digits
from torch import nn

import pbt_gan
from pbt_gan import Float, Range


class Classifier(pbt_gan.ModuleTask):
    rate = Float(Range(1e-4, 1e-1), (1e-6, 1.0), "log")  # drawn between the first two, and kept between the others
    space = {"lr": rate, "weight_decay": rate, "dropout": Float(0.1, (0.0, 0.6))}
    bindings = {"lr": "optimiser.lr", "weight_decay": "optimiser.weight_decay", "dropout": "net.2.p"}

    def __init__(self):
        x, y = (torch.from_numpy(array) for array in load_digits(return_X_y=True))
        order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
        self.data = [(x[i].float() / 16, y[i]) for i in order.split([1000, 400, 397])]

    def build(self, rng):
        net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(), nn.Linear(128, 10))
        return {"net": net, "optimiser": torch.optim.AdamW(net.parameters())}

    def train(self, parts, steps, rng):
        x, y = self.data[0]
        for batch in rng.integers(len(x), size=(steps, 64)):
            parts["optimiser"].zero_grad()
            nn.functional.cross_entropy(parts["net"](x[batch]), y[batch]).backward()
            parts["optimiser"].step()

    @torch.no_grad()
    def evaluate(self, parts, rng):
        validation, test = (nn.functional.cross_entropy(parts["net"](x), y).item() for x, y in self.data[1:])
        return {"score": -validation, "held_out": -test}


if __name__ == "__main__":
    run = pbt_gan.run(Classifier, population_size=8, total_steps=400, ready_interval=50, out="runs/classifier")
    print(run.best, *run.schedule(), sep="\n")
