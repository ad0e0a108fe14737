"""The page on the seed project: nothing of the two repositories is missing on it, and every command can be read."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from pbt_gan.cli.app import app
from pbt_gan.errors import DataError

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "from-the-seed.md").read_text(encoding="utf-8")
CODE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", PAGE, flags=re.MULTILINE | re.DOTALL))

SEED = """
README.md requirements.txt pbt_main.py pbt_sequential.py gan_class.py gan_class_v2.py gan_class_sequential.py GAN.py
GAN_old.py inception.py ops.py utils.py tflib/ tflib_defs/ linear.py conv2d.py deconv2d.py batchnorm.py
tflib/cifar10.pyc tflib/save_images.pyc tflib/plot.pyc tflib/inception_score.pyc dataset/cifar-10-batches-py
checkpoint/3/3_6.01845645905_47000.model checkpoint/N/ images/N/samples_STEP.jpg results/ logs/N/ /tmp/imagenet/
images/18/samples_47099.jpg images/0/samples_47799.jpg images/13/samples_47399.jpg results/inception1.PNG
results/inception2.PNG results/inception3.PNG results/inception_nosmooth.PNG results/d_learning.PNG
results/g_learning.PNG
--ps_hosts --worker_hosts --job_name --task_index gpu_options per_process_gpu_memory_fraction allow_growth
allow_soft_placement num_workers epochs ready_freq update_freq im_save_freq max_to_keep worker_idx batch_size z_dim
learning_rate_D learning_rate_G beta1 update_num_D disc_iters strategy explore_learning_D explore_learning_G sample_num
splits dataset_name checkpoint_dir result_dir log_dir image_dir num_training num_validation num_test preprocessing seed
verbose
d_loss g_loss d_loss_real d_loss_fake d_learning_rate g_learning_rate d_log_learning_rate g_log_learning_rate
inception_score show_all_variables print_model_settings samples_STEP.jpg
"""

COMPANION = """
README.md requirements.txt pbd.py toy_example.py general_pbd.py pbd_tf.py pbdv2_tf.py mueller_tf.py pbt_wrapper.py
logs/ten_workers.txt tensorboard/logs/0 plots.png plots/w_32_s_150_pic1.png plots/w_32_s150_loss.png
plots/w_32_s150_theta.png plots/mueller-potential.PNG plots/mueller-alpha-loss.PNG poc/loss1.png poc/loss2.png
poc/3workers-v2.PNG poc/histograms.PNG gifs/default-exploit-exp-model.gif gifs/default-exploit-taylor-10.gif
gifs/default-exploit-taylor-10-2.gif gifs/default-exploit-taylor-10-3.gif gifs/default-exploit-taylor-40.gif
--ps_hosts --worker_hosts --job_name --task_index size task steps alpha explore exploit rmsprop population_size
use_logger asynchronous num_hyperparams
"""


@pytest.mark.parametrize(("heading", "names"), [("The seed's", SEED), ("The companion's", COMPANION)])
def test_every_file_flag_constant_and_figure_has_its_place(heading: str, names: str):
    sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    own = "\n".join(section for section in sections if section.startswith((heading, "What it printed")))
    words = {word for code in re.findall(r"`([^`\n]+)`", own) for word in (code, *re.findall(r"[^\s=(]+", code))}
    assert not [name for name in names.split() if name not in words]


@pytest.fixture(scope="module")
def commands() -> dict[str, Any]:
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    return dict(group.commands)


LINES = sorted({line for line in [*CODE, *PAGE.splitlines()] if line.startswith("pbt-gan ")})


@pytest.mark.parametrize("line", LINES)
def test_every_command_can_be_read(line: str, commands: dict[str, Any]):
    name, *words = shlex.split(line)[1:]
    assert name in commands
    if words:
        commands[name].make_context(name, words)  # raises for what the command does not take


class BegunError(Exception):
    """Everything was understood, and training would begin."""


def begin(*_: Any, **__: Any) -> None:
    raise BegunError("training would begin")


SETTINGS = sorted({f"pbt-gan train seed-dcgan {code} --out new" for code in CODE if code.startswith("--set ")})


@pytest.mark.parametrize(
    "line", SETTINGS + [line for line in LINES if re.match(r"pbt-gan (train|experiment) .*-", line)]
)
def test_every_setting_is_one(line: str, commands: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("pbt_gan.cli.training.train_in", begin)
    monkeypatch.setattr("pbt_gan.studies.experiment.conduct.conduct", begin)
    name, *words = shlex.split(line)[1:]
    # An experiment looks at its data once its settings are understood, and there is none here.
    with pytest.raises((BegunError, DataError), match=r"would begin|cifar-10-python\.tar\.gz does not exist"):
        commands[name].invoke(commands[name].make_context(name, words))
