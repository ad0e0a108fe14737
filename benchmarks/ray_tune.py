"""The same search of `digits` with Ray Tune's PBT: same nets, batch, score and ready points; skipped without Ray.

`python -m benchmarks.ray_tune` is the job itself, as one would write it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = 8
STEPS = 1_000
INTERVAL = 100  # steps between two ready points, as in the command that it is compared with
RATES = (1e-4, 2e-2)
FRACTION = 0.2
FACTORS = (2.0, 0.5)


def search() -> dict[str, Any] | None:
    """Run the job as a command of its own; return its seconds and what it tells, or None where Ray is not installed."""
    if find_spec("ray") is None:
        print("Ray Tune: skipped, Ray is not installed; see docs/performance.md", file=sys.stderr)
        return None
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        command = [sys.executable, "-m", "benchmarks.ray_tune", "--folder", folder, "--result", str(result)]
        command += ["--members", str(MEMBERS), "--steps", str(STEPS)]
        # Ray's own messages go to neither end: what stands on the standard output is JSON lines.
        began = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return {"seconds": time.perf_counter() - began, **json.loads(result.read_text())}


def job(members: int, steps: int, folder: Path) -> dict[str, Any]:
    """Search with Ray Tune; return the seconds inside `fit`, how many exploits there were, and Ray's version."""
    import ray
    from ray import tune
    from ray.tune.schedulers import PopulationBasedTraining

    ray.init(include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    rates = tune.loguniform(*RATES)
    # Asynchronous, Ray's default: synchronous, where each member waits in turn, takes twice as long.
    scheduler = PopulationBasedTraining(
        time_attr="training_iteration",
        perturbation_interval=1,
        hyperparam_mutations={"lr_g": rates, "lr_d": rates},
        quantile_fraction=FRACTION,
        resample_probability=0.0,
        perturbation_factors=FACTORS,
    )
    tuner = tune.Tuner(
        tune.with_resources(trainable(), {"cpu": 1}),
        param_space={"lr_g": rates, "lr_d": rates},
        tune_config=tune.TuneConfig(
            metric="score", mode="max", num_samples=members, scheduler=scheduler, reuse_actors=True
        ),
        run_config=tune.RunConfig(
            name="digits", storage_path=str(folder), stop={"training_iteration": steps // INTERVAL}, verbose=0
        ),
    )
    began = time.perf_counter()
    results = tuner.fit()
    fit_s = time.perf_counter() - began
    assert not results.errors, results.errors
    return {"fit_s": fit_s, "exploits": scheduler._num_perturbations, "ray": ray.__version__}


def trainable() -> Any:
    """Return the class whose objects train one member each; made here because Ray may be missing."""
    import torch
    from numpy.random import default_rng
    from ray import tune

    from benchmarks.cases import unprepared
    from benchmarks.plain import Member
    from benchmarks.scaling import images_of
    from pbt_gan.core.rng import stream
    from pbt_gan.gan.scores.judge import Judge, prepare_scorers

    class Digits(tune.Trainable):  # type: ignore[misc]
        """A GAN on `digits`, from one ready point to the next."""

        member: Member
        judge: Judge

        def setup(self, config: dict[str, Any]) -> None:
            torch.set_num_threads(1)
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                task = unprepared("digits", "float32", folder)
                prepare_scorers(task.dataset, folder)
                self.judge = Judge(task.dataset, task.metrics, folder, "cpu")
            self.member = Member(task.settings, images_of(task, "cpu"), default_rng())
            self.member.set_rates(config["lr_g"], config["lr_d"])

        def reset_config(self, config: dict[str, Any]) -> bool:
            self.member.set_rates(config["lr_g"], config["lr_d"])
            return True

        def step(self) -> dict[str, float]:
            self.member.train(INTERVAL)
            (metrics,) = self.judge.measure(lambda *given: [self.member.sample(*given)], stream(0, "eval"))
            return metrics

        def save_checkpoint(self, folder: str) -> None:
            torch.save(self.member.state_dict(), Path(folder) / "member.pt")

        def load_checkpoint(self, folder: str) -> None:
            self.member.load_state_dict(torch.load(Path(folder) / "member.pt"))
            # The optimisers' state brought the donor's rates along.
            self.member.set_rates(self.config["lr_g"], self.config["lr_d"])

    return Digits


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--members", type=int, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--result", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.result.write_text(json.dumps(job(arguments.members, arguments.steps, arguments.folder)))
