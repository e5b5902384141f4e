"""The optimiser compared with the classic loop, in alternating runs.

    python -m benchmarks.race [--size SIZE] [--pairs N] [--steps-at SIZE ...] [--memory-at SIZE ...]

The classic loop is written here as tutorials write it: one scale, float32, channels first, autograd
for everything, and L-BFGS with a history of 100 or Adam on unconstrained pixels. Both loops have
the same network, photo (in the style's palette), style and objective, Settings(coherence=0):
content at relu4_1, Gram matrices at relu1_1 to relu5_1, each relative to its target, and a little
total variation. Pictures are compared by this objective in float32, clamped and in 8 bits.
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
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst import Settings, stylize
from nst.colour import in_palette
from nst.gallery import find_style, load_styles, sample
from nst.images import fit, open_image
from nst.images.tensors import to_image, to_tensor
from nst.network.cache import ByteCache
from nst.network.device import arithmetic_for
from nst.network.memory import tune_allocator
from nst.network.vgg import Backbone, load_backbone
from nst.network.weights import Weights, layer_names, local_weights
from nst.optimise.losses import MIN_ENERGY, emphasis, energies
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
"""Sample photo and style; none of these pairs was used to tune the schedule."""

EFFORTS = ("normal", "fine")
"""Tried in this order until one reaches the loss of the classic loop. Its time alone counts."""

Deliveries = list[tuple[float, Tensor]]
"""Seconds since the start, and the picture in 8 bits at that time, 1 x 3 x H x W in 0..1."""


def main() -> None:
    """Print the tables that the options ask for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=256, help="pixels, for the pairs")
    parser.add_argument("--iterations", type=int, default=200, help="of the classic loop")
    parser.add_argument("--pairs", type=int, default=1, help="number of pairs")
    parser.add_argument("--rounds", type=int, default=3, help="runs per median")
    parser.add_argument(
        "--all-starts", action="store_true", help="also run the classic loop from noise, and with Adam"
    )
    parser.add_argument("--steps-at", type=int, nargs="*", default=[128, 256, 512])
    parser.add_argument("--memory-at", type=int, nargs="*", default=[512])
    options = parser.parse_args()
    tune_allocator()
    weights = local_weights()
    print(f"{weights.name}, {load_backbone(weights).arithmetic}, {torch.get_num_threads()} threads")
    for size in options.steps_at:
        race_steps(size, weights, options.rounds)
    starts = ("photo", "noise", "adam") if options.all_starts else ("photo",)
    speedups = [
        race_pictures(pair, options.size, options.iterations, starts, weights, options.rounds)
        for pair in PAIRS[: options.pairs]
    ]
    if speedups:
        median, worst = statistics.median(speedups), min(speedups)
        print(f"speed-up: median {median:.1f}, worst {worst:.1f}")
    for size in options.memory_at:
        for effort in ("normal", "quick") if size == 512 else ("normal",):
            runs = [command_line(size, effort) for _ in range(options.rounds if size < 1000 else 1)]
            seconds = statistics.median(elapsed for elapsed, _ in runs)
            peak = max(peak for _, peak in runs)
            result = f"{seconds:.1f} s, peak {peak / 1e9:.2f} GB"
            print(f"python -m nst at {size}x{size}, effort {effort}: {result}", flush=True)


def race_steps(size: int, weights: Weights, rounds: int) -> None:
    """Print the seconds for one loss and gradient of nst and of the classic loop."""
    photo, painting = _pair(PAIRS[0], square=True)
    target = to_tensor(fit(photo, size))
    settings = Settings(size=size, coherence=0)
    runners: dict[str, Callable[[Tensor], object]] = {
        "nst": Objective(target, [Region([(painting, 1.0)])], size, settings, load_backbone(weights)),
        "nst with matching": Objective(target, [Region([(painting, 1.0)])], size, Settings(), load_backbone(weights)),
        "classic": classic_objective(target, painting, size, settings, weights),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runners}
    for turn in range(rounds * 3 + 1):
        for name, runner in runners.items():
            runner(target)  # as in a loop: each reuses its own memory
            start = time.perf_counter()
            runner(target)
            if turn:  # the first is a warm-up
                seconds[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    result = ", ".join(f"{name} {median:.3f} s" for name, median in medians.items())
    ratio = medians["classic"] / medians["nst"]
    print(f"loss+gradient at {size}x{size}: {result}; {ratio:.2f} times", flush=True)


def race_pictures(
    pair: str, size: int, iterations: int, starts: tuple[str, ...], weights: Weights, rounds: int
) -> float:
    """Speed-up: classic seconds by the seconds until nst stays at or below the classic last loss.

    The minimum over the starts; 0 if nst gets there with none of EFFORTS.
    """
    photo, painting = _pair(pair)
    target = to_tensor(in_palette(fit(photo, size), [(painting, 1.0)]))
    settings = Settings(size=size, coherence=0)
    backbone, cpu = load_backbone(weights), torch.device("cpu")
    float32 = Backbone(weights, cpu, arithmetic_for(cpu, "float32"))
    exact = Objective(target, [Region([(painting, 1.0)])], size, settings, float32)

    def exact_loss(picture: Tensor) -> float:
        return exact(picture)[0]["total"]

    print(f"{pair} at {size}, {iterations} iterations of the classic loop", flush=True)
    speedups = []
    for start in starts:
        times: dict[str, list[float]] = {"classic": [], "nst": []}
        losses: dict[str, list[float]] = {"classic": [], "nst": []}
        for _ in range(rounds):
            classic = classic_run(target, painting, settings, weights, start, iterations)
            classic_loss = exact_loss(classic[-1][1])
            times["classic"].append(classic[-1][0])
            losses["classic"].append(classic_loss)
            for effort in EFFORTS:
                run = nst_run(pair, replace(settings, effort=effort), backbone)
                evaluated = ((seconds, exact_loss(picture)) for seconds, picture in reversed(run))
                seconds, loss = reached(evaluated, classic_loss), exact_loss(run[-1][1])
                if seconds < math.inf:
                    break
            times["nst"].append(seconds)
            losses["nst"].append(loss)
        classic_time = statistics.median(times["classic"])
        for name in times:
            median = statistics.median(times[name])
            print(
                f"  from {start:5} {name:8} {median:7.1f} s to the same loss, ends at "
                f"{statistics.median(losses[name]):.4f}; {classic_time / median:.1f} times",
                flush=True,
            )
        print(f"  effort of nst, in the last run: {effort}", flush=True)
        speedups.append(classic_time / statistics.median(times["nst"]))
    return min(speedups)


def reached(backwards: Iterable[tuple[float, float]], loss: float) -> float:
    """Seconds after which no loss is above this one; infinity if the last one is.

    `backwards` has seconds and losses of a run, the last first.
    """
    first = math.inf
    for seconds, current in backwards:
        if current > loss:
            break
        first = seconds
    return first


def nst_run(pair: str, settings: Settings, backbone: Backbone) -> Deliveries:
    """All frames of `stylize`, without cached targets of the style."""
    backbone.cache = ByteCache()
    photo, painting = _files(pair)
    frames = stylize(photo, [painting], settings, backbone)
    return [(f.seconds, to_tensor(f.image)) for f in frames]


def classic_run(
    target: Tensor, painting: Image.Image, settings: Settings, weights: Weights, start: str, count: int
) -> Deliveries:
    """The last picture of the classic loop."""
    started = time.perf_counter()
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
    return [(time.perf_counter() - started, to_tensor(to_image(pixels)))]


def classic_objective(
    target: Tensor, painting: Image.Image, size: int, settings: Settings, weights: Weights
) -> Callable[[Tensor], tuple[float, Tensor]]:
    """Pixels -> loss and gradient, as tutorials compute them."""
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
        style = dict(features(to_tensor(fit_style(painting, size, settings.style_scale)).contiguous()))
        grams = {k: gram(x) for k, x in style.items() if k in style_layers}
        bounds = {k: MIN_ENERGY * style[k].square().sum(1).mean() for k in photo}
        totals = {k: x.square().sum().clamp_min(bounds[k] * x[0, 0].numel()) for k, x in photo.items()}

    def evaluate(pixels: Tensor) -> tuple[float, Tensor]:
        pixels = pixels.detach().contiguous().requires_grad_()
        content = style = torch.zeros(())
        for k, x in features(pixels):
            if k in photo:
                distance = (emphasis(energies(photo[k])) * (x - photo[k]).square()).sum()
                content = content + content_layers[k] * distance / totals[k]
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
    """Seconds and peak bytes of one `python -m nst`, from process start to file."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        _pair(PAIRS[0], square=True)[0].save(photo)
        style = PAIRS[0].partition("+")[2]
        line = [sys.executable, "-m", "nst", str(photo), style, "--size", str(size)]
        line += ["--effort", effort]
        start = time.perf_counter()
        child = subprocess.Popen([*line, "-o", f"{folder}/out.png"], stderr=subprocess.DEVNULL)
        peak = 0
        while child.poll() is None:  # wait4 would count this process before the exec
            status = Path(f"/proc/{child.pid}/status").read_text()
            peak = max([peak, *(1024 * int(n) for n in re.findall(r"VmHWM:\s+(\d+)", status))])
            time.sleep(0.05)
        if child.returncode:
            raise RuntimeError(f"{line} failed")
        return time.perf_counter() - start, peak


def _files(pair: str) -> tuple[Path, Path]:
    photo, _, style = pair.partition("+")
    return sample(photo), find_style(style, load_styles()).path


def _pair(pair: str, square: bool = False) -> tuple[Image.Image, Image.Image]:
    photo, painting = (open_image(path) for path in _files(pair))
    if square:
        side = min(photo.size)
        photo = photo.crop((0, 0, side, side))
    return photo, without_edge(painting)


if __name__ == "__main__":
    main()
