"""As in a notebook: an object, trained in this process, of which nothing is kept but what the run returns."""

# %%
import torch

import pbt_gan


class Line(pbt_gan.ModuleTask):
    """Fit y = 3 x + 1, seen through noise."""

    space = {"lr": pbt_gan.Float(pbt_gan.Range(1e-4, 1.0), (1e-5, 1.0), "log")}
    bindings = {"lr": "optimiser.lr"}

    def __init__(self, noise):
        self.noise = noise

    def build(self, rng):
        net = torch.nn.Linear(1, 1)
        return {"net": net, "optimiser": torch.optim.SGD(net.parameters())}

    def train(self, parts, steps, rng):
        for _ in range(steps):
            x = torch.randn(32, 1)
            loss = (parts["net"](x) - (3 * x + 1 + self.noise * torch.randn(32, 1))).square().mean()
            parts["optimiser"].zero_grad()
            loss.backward()
            parts["optimiser"].step()
        return {"loss": loss.item(), "images": 32 * steps}

    def evaluate(self, parts, rng):
        return {"score": -abs(parts["net"].weight.item() - 3) - abs(parts["net"].bias.item() - 1)}


# %%
run = pbt_gan.run(Line(noise=0.1), population_size=4, total_steps=100, ready_interval=20)

# %%
print(run.best)
