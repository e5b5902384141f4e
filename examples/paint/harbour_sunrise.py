"""A misty harbour at sunrise in short broken dabs, after Monet."""

from dataclasses import replace

import numpy as np
from PIL import Image

from .core.canvas import OIL, Brush, Canvas
from .core.colour import colours, jitter, mix, ramp
from .core.fields import at, grid, noise, scatter
from .core.shapes import curve

MAP = 512  # the side of the maps that plan the picture
SKY = colours("5f7a8c 7b93a0 8f9fb0 a79cb0 c9a39c e0a67c d9a88f b39fae")
WATER = colours("2c4a5c 3d6272 4f7d86 6a96a0 8ba4b4 a9a6bc 7f8fae")
MIST = colours("7f93a8 8d9ab4 6f86a0 99a0b6")
SUN = colours("f4582a ff7a33 ffa14f ffc48a")
DARK = colours("16262f 1f3a44 24344e 2f3047")
HORIZON = 0.40
SUN_X, SUN_Y = 0.60, 0.25
BOATS = [(0.30, 0.74, 0.15), (0.52, 0.585, 0.075), (0.665, 0.50, 0.042)]  # x, y, half length


def paint(rng: np.random.Generator, size: int = 1024) -> Image.Image:
    """Paint the picture."""
    x, y = grid(MAP)
    cloud, patch = noise(MAP, 4, rng, 5), noise(MAP, 7, rng, 4)
    sky = ramp(SKY, np.clip(1.55 * y + 0.16 * cloud + 0.12 * np.sin(9 * y + 3 * x), 0, 1))
    warm = np.exp(-(((x - SUN_X) / 0.34) ** 2 + ((y - SUN_Y) / 0.17) ** 2))
    sky = mix(sky, SUN[2], np.clip(0.7 * warm * (1 + 0.5 * cloud), 0, 1))
    swell = 60 * np.maximum(y - HORIZON, 0) ** 0.6  # waves draw together in the distance
    ripple = noise(MAP, 5, rng, 4) + 0.5 * np.sin(swell + 4 * patch)
    depth = np.clip((1 - y) / (1 - HORIZON), 0, 1)
    water = ramp(WATER, np.clip(0.12 + 0.62 * depth + 0.24 * ripple, 0, 1))

    canvas = Canvas(size, colours("8d99a2")[0], rng)
    wash = replace(OIL, thick=0.5, dry=0.35, streak=0.3, opacity=0.85)
    dab = replace(OIL, thick=0.85, dry=0.2, streak=0.3)
    for spacing, length, width in ((0.022, 0.09, 0.03), (0.0145, 0.05, 0.015)):
        spots = scatter(spacing, rng)
        spots = spots[spots[:, 1] < HORIZON + 0.02]
        lean = 0.5 * at(cloud, spots) - 0.35
        tint = jitter(at(sky, spots), rng, 0.028, 0.016)
        canvas.strokes(_dabs(spots, lean, length, rng), tint, width, rng, wash)

    _port(canvas, rng, wash)
    ring = scatter(0.006, rng)
    ring = ring[np.hypot(ring[:, 0] - SUN_X, ring[:, 1] - SUN_Y) < 0.027]
    tint = jitter(SUN[rng.integers(0, 2, len(ring))], rng, 0.02, 0.01)
    canvas.strokes(_dabs(ring, np.full(len(ring), -0.3), 0.02, rng), tint, 0.011, rng, dab)

    # Dabs grow towards the viewer, so the water lies flat.
    for near, spacing in ((0.47, 0.0085), (0.62, 0.0125), (1.05, 0.018)):
        spots = scatter(spacing, rng)
        spots = spots[(spots[:, 1] > HORIZON) & (spots[:, 1] < near)]
        spots = spots[np.argsort(spots[:, 1] + 0.05 * rng.random(len(spots)))]
        tint = jitter(at(water, spots), rng, 0.045, 0.02)
        slope = 0.12 * at(patch, spots)
        canvas.strokes(_dabs(spots, slope, 3.6 * spacing, rng), tint, 0.95 * spacing, rng, dab)

    for tier in np.geomspace(0.008, 0.57, 60):
        spread = 0.012 + 0.10 * tier
        for _ in range(int(2 + 7 * tier)):
            spot = np.array([(SUN_X + rng.normal() * spread * 0.6, HORIZON + tier)])
            tint = jitter(SUN[rng.integers(4)], rng, 0.03, 0.015)
            line = _dabs(spot, rng.normal(size=1) * 0.1, 0.03 + 0.07 * tier, rng)[0]
            canvas.stroke(line, tint, 0.005 + 0.014 * tier, rng, dab)

    for bx, by, half in BOATS:
        _boat(canvas, bx, by, half, rng)
    return canvas.finish(relief=0.6)


def _dabs(spots: np.ndarray, lean: np.ndarray, length: float, rng: np.random.Generator) -> np.ndarray:
    """Short, slightly bent touches (N, 5, 2) at these places, sloping by ``lean`` radians."""
    half = 0.5 * length * rng.uniform(0.6, 1.3, (len(spots), 1))
    lean = lean + rng.normal(size=len(spots)) * 0.12
    way = np.stack([np.cos(lean), np.sin(lean)], 1) * half
    bend = np.stack([-way[:, 1], way[:, 0]], 1) * rng.normal(size=(len(spots), 1)) * 0.13
    u = np.linspace(-1, 1, 5)[:, None]
    return spots[:, None] + way[:, None] * u + bend[:, None] * (1 - u * u)


def _port(canvas: Canvas, rng: np.random.Generator, brush: Brush) -> None:
    """Quays, chimneys, masts and cranes, half lost in the mist, and their reflections."""
    for _ in range(420):
        place = rng.beta(0.55, 0.75)
        if abs(place - SUN_X) < 0.05:
            continue
        tall = 0.012 + 0.055 * rng.random() ** 2
        foot = HORIZON + 0.01 * rng.normal()
        line = np.array([(place, foot + 0.3 * tall), (place + 0.003 * rng.normal(), foot - tall)])
        tint = jitter(MIST[rng.integers(4)], rng, 0.03, 0.012)
        canvas.stroke(line, mix(tint, DARK[2], 0.35 * rng.random()), 0.016, rng, brush)
    for place in (0.05, 0.10, 0.13, 0.19, 0.24, 0.29, 0.38, 0.43, 0.76, 0.81, 0.87, 0.93):
        tall = 0.10 + 0.16 * rng.random()
        lean = 0.008 * rng.normal()
        tint = mix(MIST[rng.integers(4)], DARK[2], rng.uniform(0.15, 0.45))
        mast = np.array([(place, HORIZON + 0.01), (place + lean, HORIZON - tall)])
        canvas.stroke(mast, tint, 0.006, rng, brush)
        for level in rng.uniform(0.3, 0.85, 2):
            spar = mast[0] + (mast[1] - mast[0]) * level
            reach = np.array([0.03 * rng.uniform(0.5, 1.2), 0.008 * rng.normal()])
            canvas.stroke(np.array([spar - reach, spar + reach]), tint, 0.0045, rng, brush)
        if place > 0.7:
            jib = np.array([mast[0] + (0, -0.05), mast[1] + (-0.07, 0.03)])
            canvas.stroke(jib, tint, 0.006, rng, brush)
    haze = rng.uniform((-0.05, HORIZON - 0.07), (1.05, HORIZON + 0.015), (260, 2))
    veil = replace(brush, opacity=0.5)
    tint = jitter(ramp(SKY, 0.25 + 0.5 * rng.random(260)), rng, 0.03, 0.015)
    canvas.strokes(_dabs(haze, np.zeros(260), 0.07, rng), tint, 0.012, rng, veil)
    for place in (0.22, 0.84):  # smoke drifts away from the chimneys
        for puff in np.linspace(0, 1, 26):
            spot = np.array([(place + 0.16 * puff, 0.31 - 0.14 * puff + 0.012 * rng.normal())])
            line = _dabs(spot, np.array([-0.7]), 0.05 + 0.03 * puff, rng)[0]
            canvas.stroke(line, jitter(MIST[1], rng, 0.03, 0.015), 0.016, rng, brush)


def _boat(canvas: Canvas, bx: float, by: float, half: float, rng: np.random.Generator) -> None:
    """A rowing boat, its two people, and the broken shadow under it."""
    full = replace(OIL, thick=0.8, dry=0.1)
    place = np.array([bx, by])
    for k in range(26):
        drop = half * (0.25 + 0.75 * rng.random())
        spot = place + np.array([half * 0.8 * rng.normal() * 0.6, drop])
        line = _dabs(spot[None], np.zeros(1), half * 0.6, rng)[0]
        canvas.stroke(line, mix(DARK[k % 4], WATER[1], 0.5 * rng.random()), half * 0.09, rng, full)
    for level in np.linspace(0.22, 0, 5):
        sag = [(-1.0, -0.16), (-0.5, 0.02), (0.0, 0.06), (0.6, 0.02), (1.05, -0.2)]
        hull = curve(place + half * np.array(sag) * (1 - 0.5 * level, 1) + (0, half * level), 12)
        canvas.stroke(hull, jitter(DARK[rng.integers(4)], rng, 0.02), half * 0.14, rng, full)
    for x, tall, lean in ((-0.3, 0.80, 0.22), (0.42, 0.42, -0.12)):
        body = [(x, 0.05), (x + 0.4 * lean, -0.4 * tall), (x + lean, -0.85 * tall)]
        line = curve(place + half * np.array(body), 8)
        for side in (-0.07, 0.06, 0.0):
            tint = jitter(DARK[rng.integers(4)], rng, 0.03)
            canvas.stroke(line + (side * half, 0), tint, half * np.linspace(0.2, 0.1, 8), rng, full)
        head = place + half * np.array([[x + lean, -0.93 * tall]])
        canvas.dots(head, DARK[:1], half * 0.062, rng)
    oar = place + half * np.array([(-0.2, -0.3), (-0.9, 0.55)])
    canvas.stroke(oar, DARK[0], half * 0.05, rng, full)
