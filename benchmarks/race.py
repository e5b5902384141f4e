"""Our engine against the classic loop, in alternating runs: `python -m benchmarks.race`.

The classic loop is written out below as tutorials write it: one scale, float32, channels first,
autograd through everything, L-BFGS with a history of 100 on unconstrained pixels, or Adam. Both
have the same network, photo (in the style's palette), style and objective: content at relu4_1, Gram
matrices at relu1_1 to relu5_1, each relative to its target, and a little total variation
(Settings(coherence=0)).
What counts is the objective in float32 of the picture as delivered: clamped, in 8 bits.
"""

import argparse
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst import Settings, stylize
from nst.colour import in_palette
from nst.gallery import load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.network.cache import ByteCache
from nst.network.device import arithmetic_for
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.network.weights import Weights, layer_names, local
from nst.optimise.losses import MIN_ENERGY, emphasis
from nst.optimise.objective import Objective, balance
from nst.optimise.regions import Region
from nst.optimise.targets import fit_style, without_edge

PAIRS = (
    "mountains+swirling_night",
    "lion+harbour_sunrise",
    "tower+screaming_sky",
    "cheetah1+woodblock_wave",
    "coffee+pointillist_park",
    "pagoda+gold_spirals",
    "astronaut+stained_glass",
    "lion+cubist_table",
    "coffee+paper_cutouts",
    "tower+azulejo_panel",
    "mountains+marbled_paper",
    "pagoda+ink_mountains",
)
"""A sample photo and a plate; the schedule was tuned with none of them."""

Delivered = list[tuple[float, Tensor]]
"""Seconds since the start, and the picture as delivered at that time, 1 x 3 x H x W in 0..1."""


def main() -> None:
    """Print the tables that the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--size", type=int, default=256, help="pixels, for the race")
    parser.add_argument("--iterations", type=int, default=200, help="of the classic loop")
    parser.add_argument("--pairs", type=int, default=1, help="how many pairs race")
    parser.add_argument("--rounds", type=int, default=3, help="medians are over so many")
    parser.add_argument("--all-starts", action="store_true", help="classic also from noise, by Adam")
    parser.add_argument("--steps-at", type=int, nargs="*", default=[128, 256, 512])
    parser.add_argument("--memory-at", type=int, nargs="*", default=[512])
    options = parser.parse_args()
    tune_allocator()
    weights = local()
    print(f"{weights.name}, {load_backbone(weights).arithmetic}, {torch.get_num_threads()} threads")
    for size in options.steps_at:
        race_steps(size, weights, options.rounds)
    starts = ("photo", "noise", "adam") if options.all_starts else ("photo",)
    sooner = [
        race_pictures(pair, options.size, options.iterations, starts, weights, options.rounds)
        for pair in PAIRS[: options.pairs]
    ]
    if sooner:
        print(f"times sooner: median {statistics.median(sooner):.1f}, worst {min(sooner):.1f}")
    for size in options.memory_at:
        for effort in ("normal", "quick") if size == 512 else ("normal",):
            runs = [command_line(size, effort) for _ in range(options.rounds if size < 1000 else 1)]
            seconds = statistics.median(taken for taken, _ in runs)
            peak = max(peak for _, peak in runs)
            told = f"{seconds:.1f} s, peak {peak / 1e9:.2f} GB"
            print(f"python -m nst at {size}x{size}, effort {effort}: {told}", flush=True)


def race_steps(size: int, weights: Weights, rounds: int) -> None:
    """Seconds for one loss and gradient, ours and the classic one."""
    photo, painting = _pair(PAIRS[0], square=True)
    target = to_tensor(fit(photo, size))
    settings = Settings(size=size, coherence=0)
    runners: dict[str, Callable[[Tensor], object]] = {
        "ours": Objective(target, [Region([(painting, 1.0)])], size, settings, load_backbone(weights)),
        "ours, matching": Objective(target, [Region([(painting, 1.0)])], size, Settings(), load_backbone(weights)),
        "classic": classic_objective(target, painting, size, settings, weights),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(rounds * 3 + 1):
        for name, runner in runners.items():
            runner(target)  # as in a loop: each finds the memory that it left itself
            start = time.perf_counter()
            runner(target)
            if turn:  # the first warms up
                seconds[name].append(time.perf_counter() - start)
    middle = {name: statistics.median(taken) for name, taken in seconds.items()}
    told = ", ".join(f"{name} {taken:.3f} s" for name, taken in middle.items())
    ratio = middle["classic"] / middle["ours"]
    print(f"loss+gradient at {size}x{size}: {told}; {ratio:.2f} times", flush=True)


def race_pictures(
    pair: str, size: int, iterations: int, starts: tuple[str, ...], weights: Weights, rounds: int
) -> float:
    """How many times sooner the delivered picture is as good as the last classic one, at least.

    0 where it never is.
    """
    photo, painting = _pair(pair)
    target = to_tensor(in_palette(fit(photo, size), [(painting, 1.0)]))
    settings = Settings(size=size, coherence=0)
    backbone, cpu = load_backbone(weights), torch.device("cpu")
    judging = Backbone(weights, cpu, arithmetic_for(cpu, "float32"))
    exact = Objective(target, [Region([(painting, 1.0)])], size, settings, judging)

    def judge(picture: Tensor) -> float:
        return exact(picture)[0]["total"]

    print(f"{pair} at {size}, {iterations} iterations of the classic loop", flush=True)
    sooner = []
    for start in starts:
        marks: dict[str, list[float]] = {"classic": [], "ours": []}
        ends: dict[str, list[float]] = {"classic": [], "ours": []}
        for _ in range(rounds):
            classic = classic_run(target, painting, settings, weights, start, iterations)
            mark = judge(classic[-1][1])
            marks["classic"].append(classic[-1][0])
            ends["classic"].append(mark)
            run = our_run(pair, settings, backbone)
            ends["ours"].append(judge(run[-1][1]))
            judged = ((seconds, judge(picture)) for seconds, picture in reversed(run))
            marks["ours"].append(reached(judged, mark))
        slower = statistics.median(marks["classic"])
        for name in marks:
            middle = statistics.median(marks[name])
            print(
                f"  from {start:5} {name:8} {middle:7.1f} s to the mark, ends at "
                f"{statistics.median(ends[name]):.4f}; {slower / middle:.1f} times",
                flush=True,
            )
        sooner.append(slower / statistics.median(marks["ours"]))
    return min(sooner)


def reached(judged: Iterable[tuple[float, float]], mark: float) -> float:
    """From how many seconds on no loss is above the mark; infinity where the last one is.

    `judged` are seconds and losses, the last first.
    """
    there = math.inf
    for seconds, loss in judged:
        if loss > mark:
            break
        there = seconds
    return there


def our_run(pair: str, settings: Settings, backbone: Backbone) -> Delivered:
    """Every frame that `stylize` yields, of a style that it has not seen before."""
    backbone.cache = ByteCache()
    photo, painting = _files(pair)
    frames = stylize(photo, [painting], settings, backbone)
    return [(f.seconds, to_tensor(f.image)) for f in frames]


def classic_run(
    target: Tensor, painting: Image.Image, settings: Settings, weights: Weights, start: str, count: int
) -> Delivered:
    """The classic loop; the last picture is kept."""
    begun = time.perf_counter()
    evaluate = classic_objective(target, painting, settings.size, settings, weights)
    pixels = torch.rand(target.shape) if start == "noise" else target.clone().contiguous()
    pixels.requires_grad_()
    optimizer: torch.optim.Optimizer = torch.optim.LBFGS([pixels], max_iter=1, history_size=100)
    if start == "adam":
        optimizer = torch.optim.Adam([pixels], lr=0.02)

    def closure() -> float:
        optimizer.zero_grad()
        loss, pixels.grad = evaluate(pixels.detach())
        return loss

    for _ in range(count):
        optimizer.step(closure)
    return [(time.perf_counter() - begun, to_tensor(to_image(pixels)))]


def classic_objective(
    target: Tensor, painting: Image.Image, size: int, settings: Settings, weights: Weights
) -> Callable[[Tensor], tuple[float, Tensor]]:
    """Pixels -> loss and gradient, with nothing done to make it fast."""
    mean = torch.tensor(weights.mean).view(1, 3, 1, 1)
    std = torch.tensor(weights.std).view(1, 3, 1, 1)

    def features(pixels: Tensor) -> Iterator[tuple[str, Tensor]]:
        x = F.pad((pixels - mean) / std, (1, 1, 1, 1), mode="replicate")
        for name in layer_names(weights.blocks):
            if name.endswith("_1") and name != "conv1_1":
                x = F.max_pool2d(x, 2)
            weight, bias = weights.layers[name]
            x = F.relu(F.conv2d(x, weight, bias, padding=0 if name == "conv1_1" else 1))
            yield name.replace("conv", "relu"), x
            if name == "conv5_1":
                return

    def gram(x: Tensor) -> Tensor:
        rows = x.view(x.shape[1], -1)
        return rows @ rows.T / rows.shape[1]

    content_weight, style_weight, tv_weight = balance(settings)
    content_layers, style_layers = dict(settings.content_layers), dict(settings.style_layers)
    with torch.no_grad():
        photo = {k: x for k, x in features(target.contiguous()) if k in content_layers}
        style = dict(features(to_tensor(fit_style(painting, size * settings.style_scale)).contiguous()))
        grams = {k: gram(x) for k, x in style.items() if k in style_layers}
        least = {k: MIN_ENERGY * style[k].square().sum(1).mean() for k in photo}
        energies = {k: x.square().sum().clamp_min(least[k] * x[0, 0].numel()) for k, x in photo.items()}

    def evaluate(pixels: Tensor) -> tuple[float, Tensor]:
        pixels = pixels.detach().contiguous().requires_grad_()
        content = style = torch.zeros(())
        for k, x in features(pixels):
            if k in photo:
                distance = (emphasis(photo[k]) * (x - photo[k]).square()).sum()
                content = content + content_layers[k] * distance / energies[k]
            if k in grams:
                distance = (gram(x) - grams[k]).square().sum() / grams[k].square().sum()
                style = style + style_layers[k] * distance
        down, right = pixels.diff(dim=2), pixels.diff(dim=3)
        tv = down.square().mean() + right.square().mean()
        total = content_weight * content + style_weight * style + tv_weight * tv
        total.backward()
        return float(total.detach()), pixels.grad.contiguous()

    return evaluate


def command_line(size: int, effort: str) -> tuple[float, int]:
    """Seconds and peak bytes of one whole `python -m nst`, process start to file."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        _pair(PAIRS[0], square=True)[0].save(photo)
        style = PAIRS[0].partition("+")[2]
        line = [sys.executable, "-m", "nst", str(photo), style, "--size", str(size)]
        line += ["--effort", effort]
        start = time.perf_counter()
        child = subprocess.Popen([*line, "-o", f"{folder}/out.png"], stderr=subprocess.DEVNULL)
        peak = 0
        while child.poll() is None:  # wait4's figure would include this process before the exec
            status = Path(f"/proc/{child.pid}/status").read_text()
            peak = max([peak, *(1024 * int(n) for n in re.findall(r"VmHWM:\s+(\d+)", status))])
            time.sleep(0.05)
        if child.returncode:
            raise RuntimeError(f"{line} failed")
        return time.perf_counter() - start, peak


def _files(pair: str) -> tuple[Path, Path]:
    photo, _, style = pair.partition("+")
    return sample(photo), {plate.name: plate.path for plate in load_styles()}[style]


def _pair(pair: str, square: bool = False) -> tuple[Image.Image, Image.Image]:
    photo, painting = (open_image(path) for path in _files(pair))
    if square:
        side = min(photo.size)
        photo = photo.crop((0, 0, side, side))
    return photo, without_edge(painting)


if __name__ == "__main__":
    main()
