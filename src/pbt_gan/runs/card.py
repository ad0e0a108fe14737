"""What goes with an exported generator: a card for programs, and a page for people."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pbt_gan.core.population import Hyperparams
from pbt_gan.errors import printable
from pbt_gan.gan.nets.settings import NetSettings
from pbt_gan.interfaces import RunView
from pbt_gan.reporting.cards import explained, is_held_out, short_name
from pbt_gan.reporting.text import number
from pbt_gan.runs import average
from pbt_gan.runs.environment import versions
from pbt_gan.runs.result import Run
from pbt_gan.store.journal import strict

Card = Mapping[str, Any]

_CLASSES = 100
"""That are named on the page; the card names all."""

_ROWS = 30
"""Of the schedule on the page; the card has them all."""


def card_of(view: RunView, run: Run, member: str, licence: str | None) -> Card:
    """Return a generator's card as JSON values: where it comes from, and how good it is.

    Paths of this machine stand in it by their last part only.

    Args:
        view: the run as it was read.
        run: the same, opened.
        member: as `Run.state` takes it.
        licence: what its owner says that others may do with it; None: nothing was said.

    Raises:
        ConfigError, RunFolderError, DamageError: as of `Run.member`, or of the run's average.
    """
    averaged = average.card(view.folder, run.history) if member == average.NAME else None
    report = run.member("best" if averaged else member)
    place = report.member, report.interval
    card: Card = strict(
        {
            "pbt_gan": versions().get("pbt-gan"),
            "licence": licence,
            "run": {"name": str(view.run.get("name", view.folder.name)), "ending": view.ending},
            "member": {
                "member": report.member,
                "interval": report.interval,
                "step": report.step,
                "trained_steps": report.trained_steps,
            },
            "average_of": averaged and [each["checkpoint"] for each in averaged["ingredients"]],
            "scores": averaged["scores"]["average"] if averaged else {**report.metrics, "score": report.score},
            "score_cards": view.cards,
            "schedule": [[step, dict(values)] for step, values in run.history.schedule(*place)],
            "lineage": [
                {
                    "member": segment.member,
                    "interval": segment.interval,
                    "start_step": segment.start_step,
                    "end_step": segment.end_step,
                    "hyperparams": dict(segment.hyperparams),
                    "score": segment.score,
                }
                for segment in run.history.ancestry(*place)
            ],
            "data": nameless(
                {
                    "place": view.config.get("task", {}).get("data"),
                    "fingerprint": view.run.get("fingerprint", {}).get("data"),
                }
            ),
            "config": nameless(view.config),
            "trained_with": view.run.get("versions", {}),
            "exported_with": versions(),
        }
    )
    return card


def page(card: Card, use: str, loader: str | None, needs: str) -> str:
    """Return a card as a page in Markdown.

    Args:
        card: as `card_of` made it, with what a generator's file says of itself.
        use: lines of a program that has imported `load`.
        loader: the module that `load` comes from; None: there is none.
        needs: what has to be installed to read the file.
    """
    parts = [f"# A generator: {_plain(card['run']['name'])}", _what(card)]
    parts += ["## Use", *_use(card, use, loader, needs)]
    parts += ["## Scores", _scores(card), "## Where it comes from", *_origin(card)]
    parts += ["## Licence", _plain(card["licence"] or "None was stated: ask whoever gave you this file.")]
    return "\n\n".join(parts) + "\n"


def _what(card: Card) -> str:
    size, kind = card["resolution"], "grey" if card["channels"] == 1 else "colour"
    statistics = {
        "running": "Batch norm uses statistics that are kept: an image depends on its own latents only.",
        "batch": "Batch norm uses the statistics of the batch: ask for 100 images or so at a time.",
    }
    return (
        f"It makes {kind} images of {size}×{size} pixels from {card['latent_dim']} latent numbers, drawn from N(0, 1). "
        f"{_classes(card)}{statistics[card['sampling_norm']]} Trained by pbt-gan {card['pbt_gan']}."
    )


def _classes(card: Card) -> str:
    count, names = card["num_classes"], card["classes"]["names"]
    if not count:
        return ""
    some = ", ".join(f"{number} `{_plain(name)}`" for number, name in enumerate(names[:_CLASSES]))
    told = f": {some}{', …' if count > _CLASSES else ''}" if names else ""
    return f"It was trained with {count} classes, and wants a label with each image, from 0 to {count - 1}{told}. "


def _use(card: Card, use: str, loader: str | None, needs: str) -> list[str]:
    file, own = card["file"]["name"], "With pbt-gan: `pbt_gan.load_generator"
    asked = ", labels=None" if card["num_classes"] else ""
    whole = f'{own}("{file}")` gives a module of torch with `sample(n{asked}, seed=0)`.'
    authors = NetSettings(**card["net"]).own
    if loader is None and authors:
        return [
            f"The net is its author's own, `{_plain(authors[0])}`: the file holds its weights by name. "
            "With the code at hand, pbt-gan loads it from the run; torch-export and ONNX need no code."
        ]
    if loader is None:
        return [
            "The net is more than layers one after another, which a few lines of torch do not build: the file holds "
            "its weights by name. Exported as torch-export or ONNX it needs no pbt-gan.",
            whole,
        ]
    lines = [f"Needed: {needs}. `{loader}.py` lies beside `{file}`.", f"```python\nfrom {loader} import load\n{use}```"]
    if card["file"]["format"] == "safetensors":
        lines.append(whole)
    return lines


def _scores(card: Card) -> str:
    cards = card["score_cards"]
    rows = ["| score | value | what it is |", "|---|---|---|"]
    for metric, value in card["scores"].items():
        if metric in cards and "same_as" not in cards[metric]:
            role = "judges only" if is_held_out(metric) else ""
            told = "; ".join(filter(None, [explained(cards, metric), role]))
            rows.append(f"| {_cell(short_name(cards, metric))} | {number(value)} | {_cell(told)} |")
    return "\n".join(rows) if len(rows) > 2 else "None was measured."


def _origin(card: Card) -> list[str]:
    member, data = card["member"], card["data"]
    whose = f"Member {member['member']} at step {member['step']:,}"
    if card["average_of"]:
        whose = f"The average of {', '.join(card['average_of'])}"
    state = "" if card["run"]["ending"] == "finished" else f" It was exported when the run was {card['run']['ending']}."
    found = [
        f"{whose} of the run `{_plain(card['run']['name'])}`.{state}",
        f"Data: `{_plain(data['place'])}`, sha256 `{_plain(data['fingerprint'])}`.",
        f"Made with {_versions(card['exported_with'])}; trained with {_versions(card['trained_with'])}.",
    ]
    schedule: Sequence[tuple[int, Hyperparams]] = card["schedule"]
    if schedule and schedule[0][1]:
        names = sorted({name for _, values in schedule for name in values})
        rows = [f"| from step | {' | '.join(map(_cell, names))} |", "|---" * (len(names) + 1) + "|"]
        rows += [
            f"| {step:,} | {' | '.join(_cell(number(values.get(name, ''))) for name in names)} |"
            for step, values in schedule[:_ROWS]
        ]
        more = [f"The first {_ROWS} of {len(schedule)} rows; the card has them all."] if len(schedule) > _ROWS else []
        found += ["The schedule that PBT found:", "\n".join(rows), *more]
    return found


def _versions(of: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{name} {of[name]}" for name in ("pbt-gan", "torch", "python") if name in of) or "unknown versions"
    )


def nameless(value: Any) -> Any:
    """Return a value with each absolute path in it cut down to its last part: it tells of somebody's machine."""
    if isinstance(value, str):
        return Path(value).name if Path(value).is_absolute() else value
    if isinstance(value, Mapping):
        return {key: nameless(item) for key, item in value.items()}
    return [nameless(item) for item in value] if isinstance(value, list | tuple) else value


def _plain(text: Any) -> str:
    return printable(str(text)).replace("`", "'")


def _cell(text: Any) -> str:
    return _plain(text).replace("|", "\\|")
